"""Sentences without private values, and words that stand in slots: what the name finder must leave alone."""

PLAIN = r"""
[How|Where|When] [do|can|should] [I|i|we] [check|open|close|cancel|change|update|find|pay] my {noun}[ with my {noun}|]?
[I|i] [can't|cannot|can not|could not|don't] [log in|open the {noun}|see your site|{verb} the {noun}|get in]. [{acro}!|]
[I|i] [lost|forgot|dropped|broke|sold] my {noun}[ on {day}| with the {noun}| at {time}|]. [What now?|Please {verb} it.|]
[WILL|WHY DOES] [SOMEONE|NOBODY|THIS] [ANSWER MY {noun}|HELP ME|EVER WORK]??[!|]
[PLEASE|DO NOT|NEVER] [CALL ME AGAIN|SHOUT|CANCEL MY {noun}|STOP]!!!
[We're|I am] [leaving|on leave|travelling] [soon|next {month}] and [must|have to] {verb} my {noun}.
[Please |][stop|cancel|freeze|unlock|replace] [order|ticket|account] [number|#|no.] {code}[ today|].
[Please |]charge [my|the] card {card}[, it {verb}s in {month}|].
My card {card} [was stolen|is blocked|does not work]. [Send another|What do I do].
[My|Here is my|The] [SSN|ssn|tax id|passport|licence|account|card] [number |]is {code}[, thanks|].
[Error|Warning|Status|Code] {n}: [the {noun} did not {verb}|Connection Refused|Access Denied|Not Found|{code}].
[{acro}|SELECT|INSERT|DELETE|GET|POST] [* FROM {word}|INTO {word}|/{word}/{n}|{word}] [WHERE {word} = {n}|HTTP/1.1 {n}|]
{date} {time} [INFO|WARN|ERROR|DEBUG] [{word}|{word}.{word}]: {verb} {noun} [{code}|in {n} ms|]
[Look|Read this|Source|See]: {url}
[You can |Please |][call|phone|ring|text|reach] [me|us] [at|on] {phone} [I {verb} {noun}s|and {verb}]
[Phone|Tel|Mobile|Fax|Office|Desk|Cell|Direct]: {phone}\n[Fax|Mobile|Home|Direct]: {phone}
{phone} [mobile|office|fax|home]\n{phone} [mobile|office|fax|home]
[pay|charge|use] [with |][card|my card|visa] {card} [for|because|and] [the {noun}|it {verb}s|{verb} it]
What's [your|the] [email|card number|phone|{noun}]? [{email}|{card}|{phone}|{n}]
[Mail|E-mail|Write|Send] [it |them |]to {email}[ and to {email}|].
[Call|Text|Ring] [me|us|someone] [on|at] {phone}[ about my {noun}| or {phone}| after {time}].
[This|The {noun}] [has been|was] {adj} since {date}[ {time}|].
{cap} [and|or|is|over|for|with] {cap}: [a {adj} {noun}|{n} {adj} {noun}s|why {noun}s {verb}]
{work}[ ({year})|: {work}|] is [a {adj} {noun}|my favourite {noun}|{adj}]. [It was made in {year}.|]
[The|This|That|Every|No|My|Our|Each] {adj} {noun} [is|was|seems|{verb}s|may {verb}] [{adj}|the {adj} {noun}|in {month}].
[The|A] {noun} [of|in|for|with|without|near] [the|a|my] {adj} {noun} [{verb}s|is {adj}|was {adj}].
{cap} {noun}s [are|were|{verb}] {adj}, [but|and|so] {adj} {noun}s [{verb}|are not].
[Since|After|Until|Before|In] {month}[ {year}|], the {noun} [has been|was|is] {adj}[ on {day}s|].
[On|Last|Next|Every] {day} [morning|evening|night|], [we|they|I|you] [{verb}|have to {verb}] the {noun}.
[He|She|They|We|You|I|It] [{verb}s|{verb}|did not {verb}|will {verb}] [the|a|some|every] {adj} {noun} [and {verb}|].
[They|We] [speak|learned|teach] [English|French|German|Spanish|Latin|Greek|Arabic] [and|or] [Italian|Polish|Hindi].
[If|When|Because|While] [the {noun}|it|you|she] [{verb}s|is {adj}], [{verb} the {noun}|we {verb}|it {verb}s].
[Add|Mix|Boil|Chop|Stir in] {n} [grams|cups|spoons] of {noun} [and|then] {verb} for {n} minutes.
[The price|The total|It|A {noun}] [is|was|costs|comes to] {money}[ per {noun}| plus tax|, not {money}].
[Meeting|Lunch|Deadline|Exam|Appointment] [on|is on|moved to] {date}[ at {time}|].
[{job}|{job}s] [wanted|needed|earn {money}|and {job}s are {adj}]
[As a|Being a|I am a|She is a|We need a] {job}[, I {verb} {noun}s|].
[I|We] [want|wish|hope|plan|try] to {verb} [more {noun}s|the {adj} {noun}|with {adj} {noun}s].
[No|Yes|Ok|Well|Sure|Great|Thanks|Sorry|Right|Oh], [the {noun} is {adj}|it {verb}s|I {verb} it|please {verb}].
[What|Which] {noun} [is|was] [{adj}|better|the {adj} one]? [The {adj} one.|None.|]
[Chapter|Section|Article|Part|Page|Table|Figure|Step|Rule|Level|Room|Gate] {n}[: {cap} {cap}| of the {noun}|]
[Order|Invoice|Ticket|Case|Booking|Reference|Serial number|Model] {code} [is {adj}|of {date}|was {verb}ed|].
[Product|Item|Model|SKU|Colour|Size|Status|Priority|Category|Language|Type|Subject]: [{cap}|{product}|{code}|{word}]
The {product} [is|was] {adj}[, unlike the {product}|]. [It {verb}s.|I {verb} it.|Does the {product} {verb}?]
[I|We] [bought|returned|like|ordered] [a|the|two] {product}[s|] [in {month}|for {money}|and it {verb}s].
[What is|How good is|Who makes|Reset] [the|my] {product}?
A [song|book|film|show|game] [called|named|titled] {work} [is|was] {adj}.
[{work}|{work} and {work}] [won|lost] [the|an|a] {cap} [Award|Prize|Cup] [in {year}|].
[My|The] {noun} {verb}s [like a {noun}|better than {n} {noun}s|at {n} percent]. {cap} {noun}!
[the|a|my|our] {pseudo} [is|was|of the] {adj} {pseudo} [{verb}s|and {pseudo}|].
[They|We] {pseudo} the {adj} {pseudo} [and|or] {verb} {pseudo} {noun}s.
{word} {word} {word} {word} {word} {word}[ {word} {word} {word}|].
{cap} {word} {word} {word} {word}, {word} {word} {word}[ {word}|].
{word} {word} [the|of|and|to] {word} {word} [is|in|for] {word}
{cap} {cap} {cap}[ {cap}|]
{cap}[: {word} {word}|!|?| {word} {word}]
[Please|Kindly] [see|read|sign] [the {noun}|page {n}|it] [and {verb}|].
- {adj} {noun}\n- {adj} {noun}\n- {verb} the {noun}
[TODO|NOTE|FIXME|IMPORTANT]: {verb} {noun} [before {date}|{code}|]
[Good|Great|Bad|Nice|Terrible] {noun}, [{adj} {noun}|would {verb} again|never again|{n} stars].
{adj} and {adj}. {cap} {noun} {verb}s {word}.
[Step|Question|Answer] {n}. [Press|Hold|Turn|Open|Why does] the {noun} [{verb}|until it {verb}s|].
[Happy|Merry] [Christmas|Easter|New Year|Birthday][ to all| everyone|]!
[Internet|Google|Python|Windows|Android|Excel|Linux] [search|code|update|phone|table] [is {adj}|{verb}s|for {noun}s].
[User|Agent|Bot|Assistant|System|Human|Q|A]: [how do i {verb} {noun}s|{verb} the {noun}|the {noun} is {adj}]
{cap} [Day|Week|Month|Season|Bank|Union|Act|Treaty|Code|House|Office] [of {cap} |][{verb}s|is {adj}|on {date}]
"""

_NOUNS_TEXT = """
account address agreement airline alarm album answer apple appointment argument arm article band bank basket battery
bed beer bell bicycle bill bird blanket boat bonus book bottle bowl box bread bridge bus button cable cake calendar
camera candle card carpet case cat certificate chair charge charger chart choir claim class clock coat coffee coin
concert contract copy country course court credit cup curtain customer damage date deal delivery deposit desk device
diary dinner discount display dog door dress drill driver drum egg engine envelope error essay event exam fee fence
field file film fire fish flat flight floor flower fork form frame friend game garden gift glass glove goal grant guest
guitar hall hammer harbour hat heater helmet holiday horse hotel house idea insurance interview invoice iron jacket
job jacket journey juice key keyboard kettle kid kitchen knife ladder lamp laptop lawyer leaf lease lesson letter limit
line list loan lock machine mail manager map market match meal meeting member menu message meter milk mirror money
month mountain mouse movie museum music nail needle neighbour newspaper note number office offer oil oven page paint
pan paper parcel park party password patient payment pen pension phone photo piano picture pillow pipe plan plane
plant plate player plug poem policy pool port poster pot power price printer prize problem product profile program
project purse question queue radio rain receipt record refund rent repair report request reservation result review
rice ring river road robot roof room router rule salad sale salary school score screen sea seat service shelf ship
shirt shoe shop show signal sink site skirt snow sofa song soup spoon stage stamp star statement station stone story
street student subscription sugar suit surgery switch table tank tax tea team test ticket tool toy train transfer
tree trip truck umbrella uniform valve van video village visit voice voucher wall wallet warranty watch water weather
website week wheel window winter wire work yard year zebra zone boss parent partner will statement
"""
NOUNS = _NOUNS_TEXT.split()

_ADJECTIVES_TEXT = """
able angry annual awful bad basic beautiful better big bitter black blue boring brave bright broken brown busy calm
cheap clean clear clever cold common complete cool correct crazy curious daily damaged dark dead dear deep delicious
different difficult dirty double dry due dull early easy empty enormous expensive extra faint fair famous fast fat
fine first fixed flat foreign free fresh friendly full funny gentle glad golden good grand great green grey happy hard
heavy helpful high hot huge icy ill important invalid jealous kind large last late lazy light little local long loose
loud lovely low lucky main medical modern monthly narrow natural new nice noisy normal odd old online open orange
original overdue pale perfect plain pleasant poor popular private proper proud public quick quiet rare ready real
recent red reliable rich right rough round rude sad safe scary second secret serious sharp short shy sick silent silly
simple slow small smooth soft sorry sour special square stable strange strong stupid sudden sweet tall terrible thick
thin tight tiny tired true ugly unpaid unusual urgent useful usual valid warm weak weekly wet white whole wide wild
wise wonderful worse wrong yellow young
"""
ADJECTIVES = _ADJECTIVES_TEXT.split()

_VERBS_TEXT = """
accept add adjust answer argue arrive ask assemble beat believe block book break bring build burn buy calculate call
cancel carry change charge chase check choose claim clean climb close collect compare complain confirm connect cook
copy correct count cover cross cut dance decide deliver deposit describe discover dream drive drop earn eat
edit enjoy enter escape expect explain extend fail feed fight fill find finish fix float fly fold follow forget freeze
gather grow guess happen hate help hide hold hope hurt imagine improve increase invite join jump keep kick know lack
laugh lead learn leave lend lift listen load lock look lose love make manage measure mention miss mix move need
notice offer open order paint park pay pick place plan play please post prefer prepare press promise protect pull
push raise reach read receive reduce refuse remember remove rent repair repeat replace reply report reset rest return
ride ring rise run save say search sell send serve share shout show sign sing sit skip sleep smell speak spend stand
start stay steal stop study suggest support surprise swim talk taste teach tell thank think throw touch train transfer
travel trust try turn understand unlock update use visit wait wake walk want warn wash watch wear win wish work write
"""
VERBS = _VERBS_TEXT.split()

_RELATIVES_TEXT = """
wife husband sister brother mother father son daughter aunt uncle cousin partner friend boss colleague neighbour
girlfriend boyfriend grandmother grandfather niece nephew kid landlord teacher doctor lawyer flatmate child mum dad
"""
RELATIVES = _RELATIVES_TEXT.split()

TITLES = [
    "Mr",
    "Mr.",
    "Mrs",
    "Mrs.",
    "Ms",
    "Ms.",
    "Miss",
    "Dr",
    "Dr.",
    "Prof.",
    "Sir",
    "Madam",
    "mr",
    "mrs",
    "ms.",
    "dr",
]

_NATIONS_TEXT = """
Sudanese Danish Chilean Kenyan Welsh Thai Nepali Peruvian Swedish Dutch Irish Cuban Iraqi Finnish Scottish Brazilian
Mexican Canadian Polish Turkish Greek Indian Chinese Japanese Korean Russian Spanish Portuguese Norwegian Austrian
"""
NATIONS = _NATIONS_TEXT.split()

FACILITIES = [
    "Airport",
    "Golf Club",
    "Town Hall",
    "Central Station",
    "Stadium",
    "Community Centre",
    "Harbour",
    "Castle",
]

_MONTHS_TEXT = """
January February March April May June July August September October November December Jan Feb Apr Jun Jul Aug Sept Oct
"""
MONTHS = _MONTHS_TEXT.split()

_DAYS_TEXT = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday today tomorrow Mon Fri"
DAYS = _DAYS_TEXT.split()

_ACRONYMS_TEXT = "ASAP FAQ ATM SSN PIN VAT ZIP URL PDF API CEO HR IT TV USB SIM VPN DIY FYI BTW OK GPS LED CPU ID"
ACRONYMS = _ACRONYMS_TEXT.split()

# Heads of brand-like names, so that a name made of ordinary words is met too.
_BRAND_HEADS_TEXT = """
Nor Vel Tri Geo Data Blue Sky Next Alpha Green Astra Hel Quan Lumi Cor Ver Zen Pro Tele Inter Micro Bio Aero Medi Sol
Equi Opti Nano Omni Pan Cyber Terra Vita Nova Sun Red Silver North West Clear Bright Open True Fast Smart Wave Area
"""
BRAND_HEADS = _BRAND_HEADS_TEXT.split()

_BRAND_TAILS_TEXT = """
vex scope lar tek soft ware path works via nix dyne gen net link view vibe point form bridge field stone wood line
works logic sense cast craft base hub lab media pay trade flow cell mark wise port light spark max ora ia ex on is
"""
BRAND_TAILS = _BRAND_TAILS_TEXT.split()

_ORG_TAILS_TEXT = """
Inc Inc. Ltd LLC Corp. Group GmbH S.A. Consulting Software Partners Bank Holdings Systems Solutions Foods Energy Motors
Airlines Media Labs Industries Insurance Logistics Records Pharma Hospital University Institute Foundation Trust Studio
Ministry Council Press Weekly Times Post News Journal Theatre Museum College Church Association Federation Club Society
"""
ORG_TAILS = _ORG_TAILS_TEXT.split()

_STATES_TEXT = """
Texas Ohio Utah Bavaria Ontario Quebec Kerala Bahia Tuscany Normandy Flanders Queensland California Nevada
"""
STATES = _STATES_TEXT.split()
_STATES_SHORT_TEXT = "TX CA NY OH WA FL ON QC NSW VIC IL MA PA GA MI AZ CO BC"
STATES_SHORT = _STATES_SHORT_TEXT.split()
