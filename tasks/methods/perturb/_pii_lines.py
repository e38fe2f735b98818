"""Sentences that the small name finder learns from: one a line, `[a|b]` a choice, `{name}` a value.

Slots that are private values: name, first, last, org, place, addr (a whole address), street (no town). All others are
ordinary words and numbers that stand where names may stand, and are none.
"""

PEOPLE = r"""
[Hi|Hello|Hey|Dear|Good morning] {first}, [thanks for your note|just checking in|hope you are well|long time no see].
[Hi|Hello|Dear] {title} {last}, [your {noun} is ready|we received your {noun}|please find the {noun} attached].
[Hi|Hello], this is {name} [from {org}|calling about {acro} {code}|again|speaking|with the {noun} team].
[hi|hello|hey] my name is {name} and [i need help with my {noun}|my {noun} is broken|i forgot my password].
My name is {name}[| and I live in {place}| and I work for {org}|, I am {n} years old| from {place}].
I am {name}[, {job} at {org}|, and I would like a {noun}|. Can you help me with the {noun}?|].
The name is {last}[, {name}|], [not {last}|as on the {noun}|like the {noun}].
My [full name|legal name|surname|married name] is {any}[| now| and it was {any} before].
Her [old|previous|new|middle|second] name [is|was] {any}. She was born [on {date}|in {place}|in {year}].
[Ask for|Write to|Contact|Email|Reach out to] {name}[ at {org}| in {place}| if {adj}|].
[Call|Phone|Ring|Text] {first} [back|tomorrow|on {phone}|at {phone}|about the {noun}], [please|it is urgent].
{name} [said|wrote|replied|asked|claimed|insisted|told us] [that the {noun} was {adj}|nothing|no|she would {verb}].
"[We are {adj}|This is a {adj} {noun}|I never saw the {noun}|It will {verb}]," [said|says] {name}[ of {org}|].
"[What {adj} {noun}|Where is the {noun}|Will it {verb}|Who did this]?" {any} [asked|wondered|shouted|cried].
{first} [shouted|whispered|yelled|muttered] [at|to] {first}: "[Give me the {noun}|Who are you|Not {adj}|Leave]!"
{first} and {first} [went to {place}|are married|bought a {noun}|live in {place}|broke the {noun}] [in {year}|].
{first} told {first} [about the {noun}|to {verb}|that {first} was {adj}|where {last} lives], and [left|laughed].
{first} gave {first} [a {noun}|the {noun} of {last}|{n} euros|her number|his {noun}] [yesterday|last week|].
{name} [lives in|moved to|comes from|grew up in|was born in|visited|left] {place}[| in {year}| with {first}].
{name}[, {n},|, a {job},|, who is {adj},|] [grew up in|was raised in|hails from|now lives in] {place}.
{title} {last}, aged {n}, [a {job}|retired|a patient] [from|living in] {place}, [is {adj}|came in on {date}].
{title} {name} [saw the patient|signed the {noun}|is away|will {verb}] [on {date}|today|until {day}].
[The patient|Patient], {name}, [presented with|complained of|was given] a {adj} {noun}[ at {org}|] on {date}.
[Has|Did] [anyone|anybody|someone] [met|see|hear from|talk to|vote for] {any}[| before| lately| yet]?
[Who|Where|What] is {name}[| now| and what is the {noun}| from {org}]?
Is {first} [coming|there|home|your {relative}|still {adj}|okay]? [I can not find {first}.|Tell {first} to {verb}.|]
{first}, [can|could|would|will] you [please |]{verb} [the {noun}|it|with {first}|to my {noun}]?
{name}, [please |]{verb} the {noun}[ at {place}|].
[I|We] [met|saw|know|like|love|miss|trust] {any}[| very much| at {place}| at {org}| since {year}].
My [{relative}|{relative}, {first},|{relative} {first}|{relative}'s name is {name} and she] [is {adj}|likes {noun}s].
[This is for|It belongs to|The {noun} was made out to|We opened it for] my {relative} {any}[|.|, {name}].
[Please|Kindly] [add|enrol|invite|list] my {relative} {any} [on|to|for] the {noun}.
The {noun} [of|by|from] {any} [is|was] [{adj}|a {adj} {noun}|in the {noun}].
{any}'s {noun} [is|was|seems] [{adj}|a {adj} {noun}|better than {any}'s {noun}].
It was {any}'s {noun}[, not {any}'s|; everyone knew {first}| that we liked].
A {noun} [by|from|with] {name}[, {job}|] [and {name} |]is {adj}.
{work} is a {year} {noun} [directed|written|made|painted] by {name}[ and starring {name}| with {any}|].
[In|For] {work}, {name} [plays|wrote|sang|directed] [a {adj} {noun}|{first}, a {job}|the {noun}].
[Starring|Featuring|Directed by|Music by|Photo by|Words by|Edited by|Translated by] {name}[ and {name}|, {name}|].
{any} [is|was] [a|an|the] {adj} {noun}[| and everyone likes {first}|. You can {verb} it| in {year}].
{last} [is|was] [{adj}|a {adj} {job}|my {job}|the {noun}]. [We can always {verb} her.|He will {verb}.|]
After {n} years [at|with] {org}, {name} [became|was hired as] {job} of {org}[ in {place}|, replacing {name}|].
{name} [joined|left|founded|leads|runs] {org}[ in {year}| with {name}|, based in {place}|].
In {year}, {name} and {name} [opened|founded|sold] {org} in {place}[, now part of {org}|].
[Lunch|Interview|Meeting|Dinner] with {name} [on {date}|at {time}|on {day}].
[Reminder|Note|To do|Task|Memo]: [call|meet|pay|thank|ask] {any} [on {day}|before {time}|about the {noun}].
[Assigned to|Owner|Reporter|Reviewer|Author|Contact|Attn|Cc|From|To]: {name}[, {job}|]
[Name|Full name|Customer|Client|Patient|Employee|Account holder|Beneficiary|Tenant|Signed]: {name}
[Surname|Last name|Family name]: {last}[; | / |, ][first name|given name]: {first}
What [is|was] your [name|first name|last name|mother's name]? [It is |My name is |]{any}
Who [is|was] [your {relative}|the {job}|calling]? {any}[, I think| again| from {org}].
[At home|At work|In class] I am [known as |]{first}[, on paper I am {name}|].
The {noun} [says|reads|is signed] {name} [but|and] [it should say|we expected] {name}.
The {noun} of {first} has been {adj} for [years|{n} days|weeks], but [it is|she is] a {adj} {noun}.
[True|Sad|Funny] story about {first}: [he|she] {verb}ed the {noun} in {place}.
[Thanks|Thank you|Cheers|Regards|Best|Kind regards|Yours], {any}
[Thanks|Regards|Best wishes|Sincerely],\n{name}\n{job}[, {org}|\n{org}]\n{phone}
@{first} [can you {verb} the {noun}|ping {first}|see what {first} wrote|did {any} {verb} it]?
{first}: [hi|did you {verb} the {noun}|ok]\n{first}: [not yet|no, ask {first}|in {place}]
agent: [who am i speaking with|may i have your name]?\n[customer|user|client]: [it is |]{name}
Agent: What is [the name on|your] the {noun}?\nCustomer: {name}[, from {place}|, {date}]
{name} <{email}> [wrote|asked]: the {noun} is {adj}
Dear {name},\n[thank you for your {noun}|we regret that the {noun} is {adj}].\n{name}\n{org}
[Read|Watch] {work}, [a {noun} on|the life of|dedicated to] {title} {last}.
[The tour|The talk|The album|A film] [of|by|with] {any} was {adj}, and {any} [sang|played] {work}.
[Even|Only|Not even|Perhaps|Surely] {any} could {verb} such a {adj} {noun}.
The {job}, {name}, and {poss} {relative}, {name}, [left for {place}|bought the {noun}|were {adj}].
{title} {any} [landed|stayed] [in|at] {place} [on {day}|], not [in|at] {place}.
The [King|President|Mayor|Minister|Bishop] [left|visited|spoke in] {place} [on {day}|today].
{any} [vs|versus|and|or|against|beat|lost to] {any}[ in {place}|: a {adj} {noun}|].
[Invoice|Parcel|Letter|Order|Ticket] for {name} [arrived|is late|at {org}|of {date}|in {place}].
[Witness|Defendant|Judge|Counsel|Officer|Nurse|Captain|Coach|Professor|Sergeant] {any} [said|left|was {adj}].
{name} ({n}) and {name} ({n}) [of {place}|] [were|are] {adj}.
[With|And|Also|Only|For|From|Both|] {first}, {first}[, {first}|][,|] and {first} [are|were|is|will {verb}|left|]
[team|party|group|crew|players|winners|absent|present]: {first}, {first}[, {first}|, {last}|] [and|&] {first}
{first} & {first} [{verb}|are {adj}|sent the {noun}|in {place}]
{name}, {name} and {name} [{verb}|are {adj}|signed the {noun}]
[{noun}|{job}|{relative}|{adj}] {any} [{verb}s|{verb}ed|will {verb}|was {adj}|on {phone}|on {day}] [the {noun}|it|us|]
[love|yours|x|xx|bye|ciao|hugs|greetings], {first}
{verb} {any}[, {verb} {any}| and {any}| on {phone}| at {time}|]
{name}; {name}; {name}[; {name}|] [- the {noun}|were {adj}|]
{n}. {name}[ - {place}| - {job}|, {org}]
{last}, {first}[ ({job})| - {date}| {code}|, {place}]
"""

PLACES = r"""
[We|I|They] [moved|came|flew|drove|returned|travelled] [here |back |][from|to] {place}[| in {year}| by train].
[I|We] [grew up|live|lived|stayed|work|studied|got married] in {place}[| until {year}| with {first}| for {n} years].
[From|To|Via|Where|Destination|Origin|City|Town|Country|Venue|Location|Place of birth]: {place}
[When|Date]: {date} {time}\n[Where|Place]: {place} [{facility}|]
The {noun} in {place} [is|was] {adj}[ and so is {place}|, unlike {place}|].
[Flights|Trains|Buses|Trips|Orders] [to|from] {place} [are {adj}|cost {money}|leave at {time}].
[Ship|Send|Deliver|Post] [it|the {noun}|my order] to {place}[, {country}|] [please|by {day}|].
{place} is [a|the] [city|town|village|country|capital|port] [in|near|of|north of] {place}[ with {n} people|].
[Weather|Rain|Snow|Floods|News|Traffic|Protests|Elections] in {place}[ and {place}|] [on {day}|today|{year}].
[Which|What] [way|train|road|bus] [goes|leads] [to|from] {place}[ to {place}|]?
[The people of|The mayor of|The airport of|The streets of|The harbour of] {place} [are|is] {adj}.
{org} [opens|closed|has|sold] [an office|a {noun}|its {noun}|a factory] in {place}[ and {place}|, {country}|].
[Writers|Players|Students|Guests|Musicians|Friends] [from|of|in] {place} [to|and|met in] {place} [are|were] {adj}.
The [university|bank|museum|library|hospital|church|station] of {place}[ was founded in {year}| is {adj}|].
[She|He] [studied {noun}s|taught|sang] at the [University|College|School|Academy] of {place}[ in {year}|].
On {date}, the [government|parliament|army|king] of {country} {verb}ed the {noun}.
[On|Since] {date}, the {nation} [government|embassy|team|coast guard] [has been {adj}|began to {verb}].
[North|South|East|West|Central] {place} [is|was] {adj} [in {month}|].
[Hotel|Café|Club|Golf course|Beach|Park] in {place}: {adj}, {adj} and {adj}.
{place} - {place} - {place}[: {n} km|, {n} hours|]
are there any {noun}s [near|around|in] {place}[ or {place}|]?
[i want|id like|need] [a ticket|to go|a bus|a room] [to|in] {place} [on {day}|for {n} {noun}s|asap]
[population|climate|history|map|news] of {place}
We sailed past {place} and {place}, [then anchored off {place}|and saw the {noun}].
"""

ORGS = r"""
[I|We] [work|worked|used to work] [for|at|with] {org}[| in {place}| since {year}| as a {job}].
[Employer|Company|Bank|Insurer|Organisation|Vendor|School|Supplier|Sender|Billed by]: {org}
{org} [is|was|has been] [a|an] [{adj} |][non-profit|charity|bank|company|start-up|{noun}][ from {place}| in {place}|].
{org} [grew|hired|lost {money}|closed|expanded] [in {noun}s|in {year}|after {year}].
[In|After|Before] [{year}|{month}|the {year} crisis], {org} [bought|sold|dropped] [{org}|{noun}s|{adj} {noun}s].
[Shares|Stock|Customers|Staff|Users|The board] of {org} [rose|fell|are {adj}|were {adj}] [on {day}|by {n} percent|].
[A spokesman for|A letter from|A study by|The founders of] {org} [said|showed] that the {noun} is {adj}.
[The mission of|The goal of|The site of|The owner of] {org} is to {verb} {adj} {noun}s[ in {place}|].
[I got|She has|We had] [a {noun}|an offer|a letter|a bill|a refund] from {org} [on {date}|yesterday|for {money}].
[Why does|Does|When will|Can] {org} [charge me {money}|{verb} my {noun}|close on {day}|deliver to {place}]?
[My contract|My account|My policy|An order] with {org} [ends on {date}|is {adj}|was cancelled].
[Call|Ask|Sue|Contact] {org} [at|on] {phone}[ or write to {email}|].
{org} and {org} [merged|are rivals|signed a deal] in {year}[, says {name}|].
{name}\n{org}\n{place}
{job} at {org}[, {place}|] ([{month} {year}|{year}] - [{month} {year}|now])
i bought [a {noun}|this {noun}] [from|at] {org} and it [is {adj}|broke|never came]
[working|worked] at {org} was {adj}; {first} from {org} [was too|helped us|called].
we use {org} for {noun}s[ and {org} for the rest|]
[Paid|Transfer|Payment] to {org}[, {place}|] [{money}|ref {code}]
[join|joined|joining] {org} [as|in] [{job}|{place}|{month}]
"""

ADDRESSES = r"""
[My|Our|His|Her|The|The new|The old] address is {addr}[.|, thanks| and I live there with {first}]
[I|We|{first}|{name}] [live|lives|lived|moved|stays] [at|in|to] {addr}[| with {first}| since {year}| now].
[Send|Ship|Deliver|Forward|Post] [it|the {noun}|everything|my {noun}] to {addr}[.| please| by {day}.|, {phone}]
[Please |][change|update] [my|the] [delivery |billing |home |]address to {addr}[| for the {noun}| as of {date}].
[Please |][use|charge|take] [{addr} for my {noun}|the {noun} at {addr}| {addr} instead of {addr}].
[Please send back|bring the {noun}|return the {noun}] to {addr} [if you find it|or call {phone}|].
[the|our|this] [shop|office|bar|restaurant|clinic|school|church|flat|bakery] is [at|on|located at] {spot}.
[Where is|How do I get to|Directions to|Taxi to|Parking at|Meet me at|See you at] {spot}[?|| at {time}]
[The|A|Our] [bus stop|tram stop|garage|house|parcel|fire|accident] [is|was] [on|at|in] {street}.
[Address|Billing address|Home address|Ship to|Delivery address|Residence|Registered office]: {addr}
[Address|Street|Line 1|Address line 1]: {street}[\nCity|\nTown]: {place}[\nZIP|\nPostcode|\nPostal code]: {zip}
[ZIP|zip|ZIP code|Postcode|Postal code|PLZ]: {zip}
[my|the] [zip|zip code|postcode|postal code] is {zip}[| and the city is {place}]
[What is|Whats|Tell me] your [address|home address]? [It is|it is|Sure:|] {addr}
[the {noun} went to|i ordered to|courier left it at] {addr} [and not {addr}|]
[billing|shipping|delivery|home] [address|addr]: {name}\n{lines}
{name}\n{lines}
{name}\n{org}\n{lines}
{name}\n{org}\n{lines}\n[Tel|Phone|Mobile|Cell|T]: {phone}\n[Fax|Office|Desk|E-mail]: [{phone}|{email}]
{name}\n{org}\n{addr}\n{phone} [office|home|work]\n{phone} [fax|mobile|cell]
{org}\n{lines}
{lines}
{lines}
{lines}
{n} {lines}
[- |* |> |# |]{name}\n[- |* |> |# |]{org}\n{block}
{name} / {spot}
{name}; {spot}; {phone}
[ship to|bill to|from|to|addressee]: {name}\n{lines}\n[phone|tel|mobile]: {phone}
[please |][return|send|forward|deliver|mail] [to|it to|everything to] {lines}[ if found| by {day}| when done|, thanks|]
[My card|The card|Use card] {card} [for|with] [the address|] {addr}[ please| instead|.]
{addr} for [this|the] [card|order|account]: {card}
[i am at|we are at|come to|drive to|meet me at] {spot}[ and bring the {noun}| at {time}| with {first}]
To:\n{name}\n{lines}
Dear {first},\n\nmy new address:\n\n{addr}\n\n[See you,|Best,] {first}
{name} [lives|is] at {spot}
[i need to add|add] [two|both] addresses: {addr}, and {addr}
[Lost|Found] [dog|cat|keys|wallet] [near|at|on] {spot}. Call {phone}.
[Sold|To let|For rent]: {n} rooms, {spot}, {money}.
The {noun} at {addr} is {adj}.
[Pick up|Collect] the {noun} at {street} [between {time} and {time}|on {day}].
{spot}
{org}, {spot}
p.o. address: {addr}
"""
