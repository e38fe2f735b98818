"""Ordinary English words, so that a word that is not among them may be a name; endings are added by rule."""

from functools import cache

# Nouns, adjectives and verbs together: which of them a word is makes no difference here.
_STEMS = """
abandon ability abroad absence absolute absorb abstract absurd abuse accent access accident accompany accomplish
accordance accountant accuracy accurate accuse achieve acid acknowledge acquire acre acrobat active activate actor
actress actual adapt addict addition adequate adjacent admire adopt advance advantage adventure advert advertise
advice advise advocate affair affect affection afford afraid afternoon age agenda agent aggressive agony aid aim
aircraft airport aisle alarm alert alike alive allegation alliance allowance ally alone alongside alphabet alter
alternative altitude aluminium amateur amaze ambassador ambition ambulance amend ample amuse analyse analyst ancestor
anchor ancient angel angle ankle anniversary announce annoy anonymous answer ant anticipate antique anxiety anxious
apart apartment apologise apology apparatus apparent appeal appetite applaud appliance applicant application appoint
appreciate approach appropriate approve apron arch architect archive arena argue arise army aroma arrange array arrest
arrive arrow arson article artificial artist ash aside asleep aspect aspirin assault assembly assess asset assign
assist assistant associate association assume assure astonish athlete atmosphere atom attach attack attempt attend
attic attitude attract auction audience audio audit aunt authentic author authority automatic autumn availability
avenue average aviation avoid await award aware awful awkward axe baby bachelor background backpack backward bacon
bacteria badge bake bakery balcony bald ballet balloon ballot bamboo ban banana bandage bang banker bankrupt banner
bar barbecue barber bare bargain bark barn barrel barrier base basement basin basis bat bath bathroom bay beach beam
bean bear beard beast beauty bee beef beetle beg begin behalf behave behaviour behind being belief belly belong below
belt bench bend beneath beneficial benefit bet betray beverage beware bias bid bike bind biography biology birth
biscuit bishop bite blade blame blank blast blaze bleed blend bless blind blink blister blizzard blog blonde blood
bloom blouse blow blunt blur blush board boast body boil bold bolt bomb bond bone boot booth border bored bother
bottom bounce boundary bow boy bracelet bracket brain brake branch brand brass breach breakdown breakfast breakthrough
breast breath breathe breed breeze brew bribe brick bride brief briefcase brigade brilliant broad broadcast brochure
bronze brook broom broth browse browser bruise brush brutal bubble bucket budget buffer buffet bug builder bulb bulk
bull bullet bully bump bunch bundle burden bureau burger burglar burst bury bush business butcher butter butterfly
button buzz cab cabbage cabin cabinet cafe cage calf calm campaign campus canal cancel cancer candidate candy cannon
canoe canvas cap capable capacity capital capsule captain caption capture caravan carbon cardboard care career careful
cargo carpenter carriage carrot cartoon carve cash cashier cassette cast castle casual catalogue catch category cattle
cause caution cautious cave cease ceiling celebrate celebrity cell cellar cement census cent central century ceramic
cereal ceremony certain challenge chamber champion chance channel chaos chapel chapter character charity charm chase
cheat cheek cheer cheese chef chemical chemist cheque cherish cherry chess chest chew chicken chief child childhood
chill chimney chin chip chocolate choice choke chop chorus chronic church cigar cinema circle circuit circular
circulate circumstance circus cite citizen civic civil civilian clap clarify clarity clash classic classical classify
classroom clause claw clay clerk click client cliff climate clinic clip cloak clone closet cloth clothes cloud club
clue clumsy cluster coach coal coalition coast code coffin cognitive coincide collapse collar colleague collection
collective college collide colonel colony colour column comb combat combination combine comedy comfort comic command
comment commerce commission commit committee commodity common communicate community companion compact comparison
compartment compass compatible compel compensate compete competent competition compile complement complex complicate
component compose composer composition compound comprehensive compress comprise compromise compulsory computer concede
conceive concentrate concept concern conclude concrete condemn condition conduct cone confer conference confess
confide confident configure confine conflict conform confront confuse congratulate connection conscience conscious
consensus consent consequence conservative conserve consider consist consistent console conspiracy constant constitute
constraint construct consult consume contact contain contaminate contemporary contempt contend contest context
continent contingent continue contradict contrary contrast contribute control controversy convene convenient
convention conversation convert convey convict convince cooperate coordinate cope copper copyright coral cord core
cork corn corner corporate correspond corridor corrupt cost costume cottage cotton couch cough council counsel counter
county couple courage courier cousin coverage cow coward crack cradle craft crane crash crave crawl creak cream create
creative creature credible creek creep crew cricket crime criminal crisis crisp criteria critic critical criticise
crop crowd crown crucial crude cruel cruise crumb crush crust cry crystal cube cucumber cue cuisine culprit cult
cultural culture cup cupboard cure curious curl currency current curriculum curse curve cushion custody custom cycle
cylinder dad dairy dam damp dare dash data database daughter dawn daylight deadline deaf dealer dean debit debris debt
debut decade decay deceive decent deck declare decline decorate decrease dedicate deed deer defeat defect defence
defend deficit define definite degree delay delegate delete deliberate delicate delight demand democracy demolish
demonstrate denial dense dent dentist deny depart department depend depict deploy depress depth deputy derive descend
describe desert deserve desire desktop despair desperate despite dessert destination destiny destroy detail detain
detect detective deteriorate determine develop device devil devote diagnose diagram dial dialect dialogue diamond
dictate dictionary diesel diet differ digest digital dignity dilemma dim dime dimension dine dip diploma diplomat
direct director dirt disability disagree disappear disappoint disaster disc discard discipline disclose discomfort
discourage discover discreet discuss disease disguise disgust disk dislike dismiss disorder dispatch dispense display
dispose dispute disrupt dissolve distance distant distinct distinguish distort distract distress distribute district
disturb ditch dive diverse divide divine division divorce dock doctrine document documentary dollar dolphin domain
domestic dominate donate donkey donor doom dose dot doubt dough dove dozen draft drag dragon drain drama drastic draw
drawer dread drift drink drip drought drown drug drunk dual dubious duck dumb dump duplicate durable duration dusk
dust duty dwarf dwell dynamic eager eagle ear earnings earthquake ease east eccentric echo eclipse ecology economic
economy edge edition editor educate effect efficient effort elaborate elastic elbow elder elect electric electricity
electron elegant element elephant elevator eligible eliminate elite embark embarrass embassy embed embrace emerge
emergency emission emotion emperor emphasis empire employ employee employer enable enact enclose encounter encourage
endless endorse endure enemy energy enforce engage engineer enhance enormous enquire ensure enterprise entertain
enthusiast entire entity entrance entrepreneur envy environment epic epidemic episode equal equation equip equity era
erase erect erode erupt escalate escort especially essence essential establish estate estimate eternal ethic ethnic
evacuate evaluate eve evening event eventual evidence evident evil evoke evolve exact exaggerate examine example
exceed excellent except exception excess exchange excite exclude exclusive excuse execute executive exempt exercise
exert exhaust exhibit exile exist exit exotic expand expedition expel expense expert expertise expire explicit explode
exploit explore explosion export expose express extensive extent exterior external extinct extract extraordinary
extreme eye fabric fabulous facial facility fact factor factory faculty fade failure faith fake fall false fame family
fan fancy fantastic fantasy fare farewell farm farmer fascinate fashion fatal fate father fatigue fault favour fear
feast feather feature federal feel fellow female feminine ferry fertile festival fetch fever fiction fierce fig figure
filter final finance finger firm fiscal fist fit flag flame flap flash flavour flaw flea fleet flesh flexible flick
float flock flood flour flourish flu fluent fluid flush fly foam focus fog foil folk fond foolish foot football forbid
force forecast forehead forest forge forgive formal format formation former formula forth fortnight fortunate fortune
forum forward fossil foster foul foundation founder fountain fox fraction fracture fragile fragment frank fraud
freedom freelance freight frequent fridge friendship frighten fringe frog front frost frown fruit frustrate fuel
fulfil function fundamental funeral fungus fur furious furnish furniture further fury fuse fuss future gain galaxy
gallery gallon gamble gang gap garage garbage garlic garment gas gasp gate gauge gaze gear gender gene general
generate generation generous genetic genius genre gentle gentleman genuine geography geology gesture ghost giant
ginger giraffe girl glacier glance glare gleam glimpse global globe gloom glory glow glue goat god goodness goose
gossip govern government governor gown grab grace grade gradual graduate grain gram grammar grandmother grant grape
graph graphic grasp grass grateful grave gravity grease greed greet grid grief grill grim grin grind grip grocery
groove gross ground group growth guarantee guard guardian guerrilla guidance guide guilt guilty gulf gum gun gut guy
gym habit habitat hair half hall halt handful handicap handle handsome handy hang happen harass harm harmony harsh
harvest haste hatch haul haunt hawk hay hazard headache headline headquarters heal health hear heart heat heaven hedge
heel height heir helicopter hell helpful hen herb herd hero hesitate hierarchy highlight highway hike hill hinder hint
hip hire history hit hobby hockey hollow holy home honest honey honour hook horizon horn horror hospital host hostage
hostile hotline hourly household housing hover hug human humble humid humour hunger hungry hunt hurdle hurry hut
hydrogen hygiene hymn ice icon ideal identify identity idiot idle ignorance ignore illegal illness illusion illustrate
image immediate immense immigrant immune impact imply import impose impossible impress improve impulse inadequate
incentive inch incident incline include income incorporate increase incredible incur independent index indicate
indifferent individual indoor induce industry inevitable infant infect infer inflate inflation influence inform
informal ingredient inhabit inherent inherit inhibit initial initiate inject injure injury ink inland inn inner
innocent innovate input inquiry insect insert inside insight insist inspect inspire install instance instinct
institute instruct instrument insult intact intake integral integrate integrity intellect intelligent intend intense
intensive intent interact interest interface interfere interior intermediate internal international interpret
interrupt interval intervene intimate introduce intrude invade invent invest investigate invisible involve inward
irony irrelevant irritate island isolate issue item ivory jail jam jar jaw jazz jealous jeans jelly jet jewel joint
joke joy judge judgement jug jungle junior jury just justice justify keen kettle kick kidnap kidney kill kilogram
kilometre king kingdom kiss kit kite knee kneel knight knit knock knot knowledge label laboratory labour lace lad lady
lake lamb land landing landmark landscape lane language lap largely laser lasting latter laugh launch laundry lavish
law lawn layer layout leader leaflet league leak lean leap leather lecture left leg legacy legal legend legislate
leisure lemon lend length lens leopard lesser lethal level lever liable liar liberal liberate liberty library licence
license lick lid lie lifetime lifestyle lighter likely limb limestone limp linear linen linger link lion lip liquid
list literacy literal literature litter lively liver lizard loaf lobby local locate location lodge logic lonely lord
lorry loss lottery lounge lover loyal luck luggage lump lunch lung lure luxury lyric magazine magic magnet magnificent
maiden mainland mainstream maintain major majority makeup male mammal management mandate manipulate mankind manner
mansion manual manufacture manuscript maple marble march margin marine mark marriage marry marvel mask mass massacre
massive master mat mate material mathematics matter mature maximum mayor maze meadow meaning means meantime
measurement meat mechanic mechanical medal media mediate medicine medieval medium melody melt membership memorable
memorial memory mental mention mentor merchant mercy mere merge merit mess metal metaphor method metre metropolitan
microphone midnight migrate mild mile military mill mineral minimal minimum minister ministry minor minority mint
minute miracle misery mislead missile mission mist mistake mixture mob mobile mode moderate modest modify module moist
molecule moment monitor monk monkey monster monument mood moon moral mortal mortgage mosque mosquito motion motivate
motive motor motorway mould mount mountain mourn mouth movement mud multiple multiply murder muscle mushroom musician
mutual mystery myth naked napkin narrative nasty nation native nature navy neat necessary neck necklace negative
neglect negotiate neighbourhood neither nephew nerve nervous nest net network neutral nevertheless newly nickname
niece nightmare noble nod noise nominate nonetheless nonsense norm north nose notable notebook notion notorious novel
novice nuclear nuisance numb numerous nurse nursery nut nutrition oak oath obey object objective oblige obscure
observe obsess obstacle obtain obvious occasion occupation occupy occur ocean odds offence offend offensive official
offset offspring olive omit ongoing onion opera operate operation opinion opponent opportunity oppose opposite oppress
optical optimistic option oral orbit orchard orchestra ordinary organ organic organise orient origin orphan orthodox
otherwise ounce outbreak outcome outdoor outer outfit outlet outline outlook output outrage outside outstanding
overall overcome overlap overlook overseas oversee overthrow overwhelm owe owl owner ownership oxygen pace pack
package pad painful painter pair palace palm pamphlet panel panic pants parade paragraph parallel paralyse pardon
parish parliament partial participate particle particular partly passage passenger passion passive passport past pasta
paste pastry pasture patch patent path patience patriot patrol pattern pause pave pavement peace peach peak peanut
pear pearl peasant pedestrian peel peer penalty pencil penetrate penny people pepper perceive percent perform perfume
peril period permanent permission permit persist person personal personality personnel perspective persuade pest
petition petrol pharmacy phase phenomenon philosophy photograph phrase physical physician physics pick pickle picnic
piece pig pigeon pile pilgrim pill pillar pilot pin pinch pine pink pioneer pirate pistol pit pitch pity pizza
placement plague plain planet planner plantation plaster plastic platform plausible plea plead pleasure pledge plenty
plot plough plumber plunge plus pocket poet poetry poison polar pole police policeman polish polite political
politician politics poll pollute pond pony pope pork portable porter portion portrait pose position positive possess
possible post postage postcard postpone potato potential pottery poultry pound pour poverty powder powerful practical
practice praise pray prayer preach precede precious precise predict preface pregnant prejudice preliminary premier
premise premium prescribe presence present preserve president pressure prestige presume pretend pretty prevail prevent
previous prey pride priest primary prime prince princess principal principle print prior priority prison prisoner
privacy privilege probable probe procedure proceed process proclaim produce producer profession professional professor
profit profound progress prohibit project prolong prominent promote prompt pronounce proof propaganda property prophet
proportion propose prosecute prospect prosper protein protest protocol prototype proud prove provide province
provision provoke prudent psychology pub publication publicity publish publisher pudding pulse pump punch punish pupil
puppet purchase pure purple purpose pursue puzzle pyramid qualify quality quantity quarrel quarry quarter queen query
quest queue quietly quilt quit quite quiz quota quotation quote rabbit race racial rack radar radiate radical rage
raid rail railway rainbow rally ranch random range rank rapid rare rat rate rather ratio rational rattle raw ray razor
react reaction reader readily realise realistic reality realm reason rebel recall receiver reception recession recipe
recipient reckless reckon recognise recommend reconcile reconstruct recover recruit recycle redundant reference refer
refine reflect reform refresh refrigerator refuge refugee regain regard regime region register regret regular regulate
rehearse reign reinforce reject relate relation relative relax release relevant relief relieve religion religious
reluctant rely remark remarkable remedy remind remote render renew renowned repay repeatedly repetition representative
reproduce republic reputation require rescue research resemble resent reserve reside resident resign resist resolution
resolve resort resource respect respond response responsible restaurant restless restore restrain restrict resume
retail retain retire retreat retrieve reveal revenge revenue reverse revise revive revolt revolution reward rhetoric
rhyme rhythm rib ribbon riddle ridge ridiculous rifle rigid rim riot ripe risk ritual rival roast rob robust rocket
rod role roll romance romantic root rope rotate rotten route routine royal rub rubber rubbish rug rugby ruin ruler
rumour rural rush rust sack sacred sacrifice saddle safety sail sailor saint sake salmon salon salt salute salvage
sample sanction sanctuary sand sandwich satellite satire satisfy sauce saucer sausage scale scan scandal scar scarce
scare scarf scatter scenario scene scent sceptical schedule scheme scholar scholarship science scissors scope score
scout scramble scrap scratch scream screw script scrutiny sculpture seal season section sector secure security seed
seek segment seize seldom select selfish semester senate senator senior sensation sense sensible sensitive sentence
sentiment separate sequence series servant server session settle severe sew sewage sex shade shadow shake shallow
shame shape shark shave shed sheep sheer sheet shell shelter shepherd shield shift shine shiver shock shoot shore
shortage shortcut shoulder shovel shower shrimp shrine shrink shrug shut shuttle sibling sick sideways siege sigh
sight significant silence silk silver similar simulate simultaneous sin sincere singer single sir siren situate
situation skate skeleton sketch ski skill skin skull sky slap slave sleeve slice slide slight slim slip slipper slogan
slope slot smart smash smile smoke smuggle snack snail snake snap soak soap soar sober soccer social society sock soda
soil solar soldier sole solicitor solid solo solution solve soon sophisticated sore soul sound source south sovereign
space spade span spare spark spatial speaker species specific specimen spectacle spectator spectrum speculate speech
speed spell sphere spice spider spill spin spine spiral spirit spit spite split spoil spokesman sponsor spontaneous
spot spouse spray spread spring sprinkle spy squad square squash squeeze squirrel stab stability stack stadium staff
stain stair stake stall stance standard staple stare startle startup starve state statistic statue status steady steak
steam steel steep steer stem stereo stern stick sticky stiff stimulate sting stir stitch stock stocking stomach
storage storm stove straight strain strand strap strategy straw strawberry stream strength stress stretch strict
stride strike string strip strive stroke stroll structure struggle stubborn studio stuff stumble stun style subject
submarine submit subordinate subsequent subsidy substance substitute subtle suburb succeed success successor suck sue
suffer sufficient suffix sum summary summer summit summon sun sunlight sunny sunset super superb superior supermarket
supervise supper supplement supply suppose suppress supreme surface surge surgeon surplus surrender surround survey
survive suspect suspend suspicion sustain swallow swap swear sweat sweep swell swift swing sword syllable symbol
sympathy symphony symptom syndrome system tablet tackle tactic tag tail tailor tale talent tan tangle tap tape target
task tea tear tease technical technique technology teenager telegraph telescope television temper temperature temple
temporary tempt tenant tend tender tennis tense tension tent term terminal terrace terrain territory terror testify
testimony textile texture theatre theft theme theory therapy thief thigh thing thorough thought thread threat threaten
thrill thrive throat throne thumb thunder tide tidy tie tiger tile timber timetable tin tip tissue title toast tobacco
toe toilet tolerate toll tomato tomb ton tone tongue tonight tooth topic torch tornado torture total tourism tourist
tournament toward towel tower town toxic trace track trade tradition traffic tragedy trail trait transaction
transcript transform transit translate transmit transparent transport trap travel tray treasure treat treaty
tremendous trench trend trial triangle tribe tribunal tribute trick trigger trim triple triumph trivial troop tropical
trouble trousers trumpet trunk tube tunnel turkey turnover twin twist type typical tyre ultimate unable uncle undergo
underground underline undermine uneasy unemployed unfair unhappy unify union unique unit unite unity universe unknown
unlike unlikely unprecedented upgrade uphold upper upright upset urban urge usage user utility utter vacant vacation
vacuum vague vain valley valuable value vanish variable variation variety vary vast vegetable vehicle vein velvet
vendor venture venue verb verbal verdict verify verse version vertical vessel veteran veto via viable vibrate vice
victim victory viewer vigorous villa vine violate violence violent violin virgin virtual virtue virus visible vision
visual vital vocabulary vocal vocational void volcano volume voluntary volunteer vote vow voyage vulnerable wage waist
waiter wander ward wardrobe warehouse warfare warrant warrior waste wave wax wealth weapon weave web wedding weed
weekend weep weigh weight weird welcome weld welfare well west whale wheat whip whisky whisper whistle widespread
widow wind wing winner wipe wire wisdom witch withdraw withdrawal withhold witness wizard wolf wonder wood wool worker
workshop worldwide worm worry worship worthy wound wrap wrist writer yell yield yoga yoghurt young youth zebra zero
zip agree follow get suggest seem ought study imagine expect move allow belong listen explain raise form address order
account number street city town country phone card name date time day night morning evening week month year person man
woman child boyhood job work school house home room door table chair car bus train street money price pay friendship
breakfast newspaper bedroom website smartphone laptop email online offline login username startup webinar podcast
playlist hashtag emoji screenshot spam
"""
_SMALL = """
i me my mine myself you your yours yourself he him his himself she her hers herself it its itself we us our ours
ourselves they them their theirs themselves who whom whose which what that this these those am is are was were be been
being have has had having do does did doing done can could may might must shall should will would not no nor and or
but if then else than because while although though until unless since as at by for from in into of off on onto out
over to under up upon with without within about above across after against along among around before behind below
beneath beside between beyond during except inside like near outside past per through throughout toward towards via a
an the some any each every either neither both all many much few little more most other another such same so too very
just only even still also again already always never often sometimes usually ever once twice here there where when why
how now today tomorrow yesterday tonight yes ok okay please thanks thank hello hi hey dear sorry cheers regards
sincerely best kind etc vs eg ie aka mr mrs ms dr sir madam one two three four five six seven eight nine ten eleven
twelve twenty thirty forty fifty hundred thousand million billion first second third fourth fifth last next previous
ago am pm ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mustn't shouldn't wasn't
weren't won't wouldn't n't 's 're 've 'll 'd 'm went gone came come got gotten gave given took taken made said told
knew known thought found felt left kept let put set met sent spent built bought brought caught taught fought sold held
stood understood lost won paid laid led read ran run sat saw seen sang sung spoke spoken wrote written drove driven
flew flown grew grown threw thrown broke broken chose chosen woke woken wore worn tore torn rose risen began begun
drank drunk swam hid hidden bit bitten ate eaten fell fallen forgot forgotten forgave got hung shook shaken stole
stolen swore sworn slept swept wept dealt meant sought shot shut slid spun spread stuck struck swung lent lit bent
bred fed fled bled heard became become men women children people feet teeth mice wives lives knives leaves thieves
shelves re fwd fw cc bcc attn exp tel fax ref no nr dept est min max approx incl excl pt pts src dst proto id ids info
misc qty amt acct avg vol ed eds fig pp ps nb tbd tba rsvp faq pdf url api http https www lol omg brb thx pls plz u ur
r gonna wanna gotta yeah yep nope prof profs iban bic swift hiya oi yo heya visa mastercard hmm ok okay oh ah wow oops
"""


@cache
def stems() -> tuple[str, ...]:
    """Return the stems, sorted, each once."""
    return tuple(sorted(set(_STEMS.split())))


def inflected(stem: str) -> tuple[str, ...]:
    """Return a stem with the endings that nouns, adjectives and verbs take; not all exist, and none is a name."""
    cut = stem.removesuffix("e")
    if stem.endswith("y") and stem[-2:-1] not in "aeiou":
        base = stem[:-1] + "i"
        return (stem, base + "es", base + "ed", stem + "ing", base + "er", base + "est", base + "ly", base + "ness")
    plural = stem + ("es" if stem.endswith(("s", "x", "ch", "sh", "z")) else "s")
    twice = stem + stem[-1] if len(stem) > 2 and stem[-1] in "bdgmnprt" and stem[-2] in "aeiou" else cut
    endings = ("ed", "ing", "er", "ers", "est", "ion", "ions", "able", "or", "ors", "ation")
    whole = (stem, plural, stem + "ly", stem + "less", stem + "ful", stem + "ness", stem + "ment", stem + "al")
    return (*whole, *(cut + ending for ending in endings), *(twice + ending for ending in ("ed", "ing", "er")))


@cache
def small_words() -> frozenset[str]:
    """Return pronouns, prepositions, irregular forms and the like."""
    return frozenset(_SMALL.split())
