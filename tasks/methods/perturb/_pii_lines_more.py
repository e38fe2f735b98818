"""More sentences that the small name finder learns from, of other kinds of text; written as in `_pii_lines`."""

PEOPLE = r"""
{name} scored [twice|the winner|in the {n}th minute] as {place} [beat|drew with|lost to] {place} {n}-{n}.
Goals: {last} {n}, {last} {n}; booked: {last}, {last}[; sent off: {first} {last}|].
[The portrait of|A bust of|The diary of|A sonnet by|The grave of] {name} [hangs|stands|was sold|was found] in {place}.
{name} ({year}-{year}), {job}, [born in {place}|studied in {place}|married {name}].
[Committed by|Merged by|Approved by|Signed-off-by|Reviewed-by|Co-authored-by]: {name} <{email}>
# TODO({first}): {verb} the {noun} [before {first} is back|once {first} agrees|]
{last}, {first}; {last}, {first} ({year}): {work}. {place}: {org}.
[We thank|The authors thank|I am grateful to] {name}, {name} and {name} [of {org}|] for {adj} {noun}s.
Class {n}: {first} is [{adj} at {noun}s|often late|quiet], {first} [reads well|needs help], {first} [left early|].
[Our|The] [choir|club|team|parish] [welcomes|mourns|congratulates|elected] {name}[ of {place}|, {n}|].
[Screenplay|Costumes|Lighting|Camera|Producer|Violin|Drums|Vocals]: {name}[, {name}|]
{name} as [the {job}|King {first}|{first}], {name} as {first}
[Police|Officers|Detectives] [arrested|questioned|released] {name}, {n}, [in {place}|on {day}|of {place}].
[Candidate|Elected|Votes]: {name} {n},{n}{n}; {name} {n},{n}{n}
[Prayers for|In memory of|Baptised on {date}:|Married on {date}:] {name}[ and {name}|].
[At {time}|After lunch|Later] {first} [climbed|slept|cooked|swam], while {first} [read|sang|did the {noun}s].
RT @{first}: [so {adj}|this {noun} is {adj}|never {verb} a {noun}]
[omg|lol|wow|ugh|yay] {first} [just {verb}ed|is so {adj}|wont {verb}|got a {noun}]
[has {first} eaten|did {first} sleep|is it {first} again|where did {first} go|why is {first} {adj}][?|??|]
[ok so|well|btw|also] {first} [said no|has the {noun}|is in {place}], [ask {first}|dont tell {first}|{first} knows]
[Question for|Over to|Credit to|Apologies to|Regards to] {any}[: {adj} {noun}|!|]
[Tell|Remind|Warn|Help|Follow|Forgive] {any}[, please| now| before {time}| that we {verb}].
The [baby|dog|twins|winner|suspect|victim|owner] [is called|is] {any}[ and {any}|].
[Between|Among] {first} and {first} [there is|lies] a {adj} {noun}.
[Grandpa|Grandma|Uncle|Auntie|Cousin|Sister|Brother|Captain|Father|Lady|Judge] {any} [{verb}ed|is {adj}|sends {noun}s].
[without|unlike|despite|thanks to|because of|according to|together with] {any}, the {noun} [is|was] {adj}
{any}! [{verb} it|Come here|Dinner|The {noun}]!
{any}? [{adj}|Never heard of {any}|No {noun}|She {verb}s].
[I told you|Listen|Look], {first}, [it was|that is] {any}'s {noun}.
[Salary|Leave|Shift|Appraisal|Badge] of {name} [({code})|from {date}] [approved by|signed by] {name}.
[Extension|Ext.|Desk] {n}: {name}[ ({job})|]
{name}, who [runs|chairs|owns|left] {org}, [will {verb}|was {adj}|flew to {place}].
[It was {any} who|It is {any} that] {verb}ed the {adj} {noun}.
[Dictated by|Typed by|Seen by|Nurse in charge|Next of kin|GP]: {name}[, {date}| {phone}|]
{first} [hugged|phoned|blamed|beat|paid|married|ignored] {any}[ in {place}| on {day}|].
[He|She] [became|was later known as|is better known as|signed as] {name}[ in {year}|].
{name}'s [sister|lawyer|agent|husband], {name}, [declined|agreed|hopes] to {verb}[ in {place}|].
"{first}," [she|he] [said|whispered], "[{verb} the {noun}|you are {adj}|where is {first}]?"
[Trainer|Jockey|Rider|Goalkeeper|Striker|Soloist|Conductor] {any} [is {adj}|{verb}ed|left {place}|joined {org}].
"""

PLACES = r"""
[Heavy|Light|No] [rain|snow|wind|fog] [over|in|around|north of] {place}[, {place} and {place}|] [until {day}|by {time}].
[The|A] [road|ferry|pipeline|border|path] [between|from] {place} [and|to] {place} [is|was] [{adj}|closed|{n} km long].
[Departures|Arrivals|Stops|Route|Stations]: {place} {time}, {place} {time}[, {place} {time}|]
{place}[ ({country})|, {country},|] [has|had|counts] {n},{n}{n} [people|inhabitants|voters|{noun}s].
[Wine|Cheese|Olives|Coffee|Wool|Marble|Steel] from {place} [is|was|costs] [{adj}|{money}].
[Day {n}|{day}|{month}]: {place} [to|-] {place}, [{n} km|{adj} {noun}s|slept badly].
[Settlers|Pilgrims|Traders|Refugees|Tourists] [reached|left|crossed|entered|fled] {place}[ in {year}| by {month}|].
[The|A] [battle|siege|treaty|council|fair|bishop|duke] of {place} [{year}|was {adj}|ended on {date}].
[downtown|greater|old|upper|eastern|rural] {place} [is {adj}|needs {noun}s|had {n} {noun}s]
{place}-based [{org}|{job}s|{noun}s] [{verb}|are {adj}]
[Population of|Capital of|Map of|Mayor of|Hotels in|Things to do in] {place}[: {n}|]
[is it {adj} in|how far is|ever been to|who lives in|what time is it in] {place}[?| now?|]
[Branch|Depot|Campus|Warehouse|Studio|Harbour]: {place}[; {place}|]
{place}, {date}[. {cap} {noun}s {verb}.|]
[greetings from|back in|stuck in|off to|missing|hello] {place}[!| with {first}|]
[born|raised|buried|baptised|educated|married] [in|at|near] {place}[ in {year}|, {country}|].
[Our|The] [{place} office|{place} branch|{place} team|{place} plant] [{verb}s|is {adj}|closes on {day}].
Made in {country}[, packed in {place}|]. [{code}|]
[The river|The train|The tour] [passes|leaves|skirts] {place}, {place} and {place}.
[tickets|visa|bus|train|boat] {place} [to|->|-] {place} {date}
"""

ORGS = r"""
[Sponsored|Published|Printed|Insured|Audited|Run|Owned|Founded] by {org}[ of {place}| since {year}|].
{org} [recalls|launches|cancels|delays|unveils|denies] {adj} {noun}s[ in {place}| after {noun} {verb}s|]
[Subscription|Direct debit|Refund|Salary|Invoice|Statement] [of|from] {org}: {money}
[My {relative}|{name}|{first}] [interned|retired|volunteers|was fired] [at|from|with] {org}[ in {year}|].
[The] [CEO|chair|union|lawyers|website|app|helpdesk|headquarters] of {org} [{verb}s|is {adj}|did not reply].
{org}, [which makes|maker of|known for|supplier of] {adj} {noun}s, [hired {name}|left {place}|lost {money}].
[Rivals|Regulators|Investors|Unions] [accuse|sued|back|warn] {org}[ and {org}|] [over {noun}s|in {place}|].
[anyone|has anyone|who] [used|tried|worked for|dealt with] {org}[?| before?| lately?]
{org} [never again|are {adj}|has the best {noun}s|sent the wrong {noun}|still owes me {money}]
[flew|booked|rented|insured|banked] [with|through] {org} [to {place}|last {month}|] and [it was {adj}|never again]
[Terms of|Welcome to|Careers at|Message from|Powered by|Customer of|Member of|Shares in] {org}
{name} - {job} - {org}[ - {place}|]
[Education|Experience]: {org}, {place}[ ({year}-{year})|]; {org}[ ({year})|]
Copyright {year} {org}[. All rights reserved.|]
[Between|Agreement between] {org} ([the {noun}|the Buyer]) and {org} ([the {noun}|the Seller]), [{date}|{place}].
{org} {org} [and {org} |][{verb} {noun}s|are {adj}|merge]
[Ordered|Bought|Leased] from {org}, [{place}|{code}|{date}].
[{org}'s|{org}] [profits|{noun}s|lawyers|shares] [fell|rose|{verb}] [{n} percent|in {month}|again].
[Dear|Hello|To the team at] {org}[ team|], [my {noun} is {adj}|i want a refund|thank you for the {noun}].
[the folks|people|someone|support|reception] at {org} [{verb}ed the {noun}|were {adj}|said no]
"""

ADDRESSES = r"""
[Fire crews|An ambulance|Police|Neighbours] [were called to|rushed to|sealed off] {spot}[ at {time}| on {day}|].
[Viewing|Auction|Open house|Garage sale|Funeral|Rehearsal|Practice] [at|:] {spot}[, {date}|, {time}|].
[The|Our] [new|second|old] [studio|depot|kitchen|chapel|warehouse|gallery] [at|on] {spot} [opens|closes] [on {day}|].
[{org}|{name}], {addr}, [hereafter the {noun}|represented by {name}|VAT {code}]
[Venue|Where|Place|Pickup|Drop-off|Site|Property|Branch|Workshop]: {spot}
[from|start]: {spot}[\n| -> |; ][to|end]: {spot}
[is {spot} still free|who lives at {spot}|rent for {spot}|is there parking on {street}][?|]
[we moved|moved house|moving] [from {spot} |]to {addr}[ on {date}| last {month}|]
{addr} [is my new address|is where i live|please|since {month}]
[The owner of|The buyer of|The keys to|The neighbours of|The roof of] {addr} [is {adj}|{verb}s|was {adj}].
[billed|invoice|post|mail|refund] to {name}, {addr}
{first} [rents|bought|sold|owns|left] [a flat at|the house at|] {spot}[ for {money}| in {year}|].
[Turn into|Walk down|Park on|Follow|Cross] {street}[, then {verb} the {noun}|].
[{org}|{name}]\n{lines}
[{date}|{job}|{code}]\n{lines}
{addr} [- |/ |]{phone}
{addr}[; |\n| | / ]{addr}
{name} ({spot}), {phone}
[We|I] [will be|am staying|waited] at {spot} [until {time}|with {first}|for {n} {noun}s].
[Registered|Incorporated|Headquartered|Located|Based|Resident] at {addr}[, {country}|].
[no such house|wrong address|moved away|nobody home]: {addr}
{spot} ([{n} rooms|{adj} {noun}|{money}])
"""

PLAIN = r"""
[Fold|Pour|Beat|Whisk|Bake] the {noun} [and|with|over] the {adj} {noun} [for {n} minutes|until {adj}].
def {word}_{word}({word}, {word}): return {word} [+|*] {n}
[git|sudo|pip|npm|docker|make] [{word}|{word}-{word}] [--{word}|-{n}|{word}.{word}]
{cap} {word} {noun} {adj} [for sale|wanted|to swap], {money}[, {adj}|].
[Terms and Conditions|Privacy Notice|Annual Report|Table of Contents|Frequently Asked Questions|Release Notes] {year}
[The {adj} {noun}|{cap} {noun}s] [rose|fell] [by {n} percent|to {money}|from {n} to {n}] in {month} {year}.
[Warm|Cold|Dry|Windy] [in the north|on the coast|until {day}], {n} degrees[ by {time}|].
{n}) {verb} the {noun}; {n}) {verb} the {adj} {noun}
[{adj}|{noun}|{verb}]: {adj}, {noun} or {verb}
[yes|no|ok|sure|lol|hm|maybe] [{verb} it|the {noun} is {adj}|i {verb} {noun}s|not {adj}]
[The|A] {cap} {cap} [is|was|will {verb}] [{adj}|a {noun}|the {noun}].
[Dear|Hello|Hi] [customer|sir or madam|all|team|friends|colleague|neighbours], [the {noun} is {adj}|please {verb}].
[King|Queen|Doctor|Nurse|President|Mother|Teacher] [and|or] [{noun}|{job}], [{verb} the {noun}|it is {adj}].
"{cap} {word} {word}", {adj} {noun}s, {adj} {noun}s
THE {noun} [IS|WAS|MUST BE] {adj}. [{verb} IT NOW|NO {noun}S|ONLY {n} LEFT]!
[Room|Seat|Bus|Platform|Lot|Track|Exit|Channel] {n}[, {noun} {n}| is {adj}|: {verb}]
{date} {time} {word}: {word} {word} {code}
"""
