"""The synchronous grammar of a support desk: what customers write, each thing said in several ways."""

from functools import cache

from tasks.methods.augment._synchronous import Grammar, read

# A line is one meaning, its wordings between bars; QX codes (here #) stand for names, numbers, dates, addresses.
DESK = """
Message: {Body} | {Body}
Message: {Greeting} {Body}
Message: {Body} {Closing}
Message: {Greeting} {Body} {Closing}

Greeting: Hello. | Hi there. | Good day.
Closing: Thank you. | Thanks. | Many thanks.
Closing: Please reply soon. | I hope to hear from you soon. | An early answer would help me.

Body: {Fault}
Body: {Fault} {Tried}
Body: {Fault} {FaultWish}
Body: {Fault} {Tried} {FaultWish}
Body: {Delivery}
Body: {Delivery} {DeliveryWish}
Body: {Damage} {DamageWish}
Body: {Charge}
Body: {Charge} {ChargeWish}
Body: {Return}
Body: {Return} {ReturnWish}
Body: {Account} {AccountWish}
Body: {HowTo}
Body: {Part}
Body: {Praise}

Fault: my {Thing} {Symptom}. | there is a problem with my {Thing}: it {Symptom}.
  | the trouble with my {Thing} is that it {Symptom}.
Fault: my {Thing} {Symptom}, and it has done so since {Day}.
  | since {Day} there has been a fault in my {Thing}: it {Symptom}. | it began on {Day}: my {Thing} {Symptom}.
Fault: my {Thing} shows error {Code}. | error {Code} is on the display of my {Thing}.
  | my {Thing} has come up with error {Code}.
Fault: my {Thing} shows error {Code} and {Symptom}. | error {Code} is on the display of my {Thing}, which {Symptom}.
  | my {Thing} {Symptom} and has come up with error {Code}.

Thing x3: #
Thing: kettle
Thing: toaster
Thing: oven | cooker
Thing: coffee machine | coffee maker
Thing: grinder
Thing: mixer
Thing: dishwasher
Thing: router
Thing: doorbell
Thing: multicooker
Thing: drive

Code: #

Symptom: leaks | lets water out | drips water
Symptom: does not switch on | will not turn on | refuses to start
Symptom: switches itself off | turns itself off | shuts down by itself
Symptom: loses the connection | drops the connection | goes offline
Symptom: makes a loud noise | is very noisy | makes a lot of noise
Symptom: smells of burning | gives off a smell of burning
Symptom: gets too hot | overheats | becomes far too hot
Symptom: trips the fuse | blows the fuse
Symptom: does not charge | will not charge | refuses to charge
Symptom: stops halfway | stops in the middle | gives up halfway
Symptom: does not close | will not close | cannot be closed
Symptom: rattles | makes a rattling noise
Symptom: is stuck | is jammed | has jammed
Symptom: vibrates | shakes | trembles

Day: Monday
Day: Tuesday
Day: Wednesday
Day: Thursday
Day: Friday
Day: Saturday
Day: Sunday
Day x2: #

Tried: I have already {Step}, but it did not help. | I {Step}, without success.
  | so far I have {Step}, but it did not help.
Tried: I have {Step} {Times}. | {Times} I have {Step}, but it did not help. | I {Step} {Times}, without success.

Step: restarted it
Step: cleaned it
Step: read the manual
Step: changed the cable
Step: reset it
Step: updated the app

Times: twice | two times
Times: three times
Times: several times | a number of times

FaultWish: please send me {Remedy}. | could you send me {Remedy}? | I would like {Remedy}.
FaultWish: is it still under guarantee? | does the guarantee cover this? | is this covered by the guarantee?
FaultWish: what should I do? | please tell me what to do. | can you tell me what I should do?
FaultWish: is it safe to use? | can I use it safely? | please tell me whether it is safe to use.

Remedy: a replacement | a new one
Remedy: a spare part | a replacement part
Remedy: an engineer | a technician

Delivery: my order {Order} has not arrived. | I have not received my order {Order}. | order {Order} is still not here.
Delivery: my order {Order} has not arrived; you promised it for {Day}.
  | you promised order {Order} for {Day}, but it is still not here.
  | I was told that I would have order {Order} by {Day}, and I have not received it.
Delivery: the tracking of order {Order} has not changed since {Day}.
  | since {Day} there has been no news in the tracking of order {Order}.
Delivery: order {Order} was delivered to the wrong address. | you delivered order {Order} to the wrong address.
  | the courier took order {Order} to the wrong address.
Delivery: something is missing from order {Order}. | order {Order} is not complete.
  | my order {Order} arrived incomplete.

Order: #

DeliveryWish: where is it? | can you tell me where it is? | please tell me where it is.
DeliveryWish: when will it arrive? | please tell me when it will be here. | can you tell me when to expect it?
DeliveryWish: please cancel it. | I want to cancel it. | could you cancel it?
DeliveryWish: please send it again. | could you send it again? | I would like you to send it once more.
DeliveryWish: please refund me. | I want my money back. | I would like a refund.

Damage: my {Thing} arrived damaged. | my {Thing} was damaged when it arrived.
  | there was damage to my {Thing} on arrival.
Damage: my {Thing} arrived with {Defect}. | on arrival my {Thing} had {Defect}.
  | there was {Defect} on my {Thing} when it came.
Damage: the box of my {Thing} was open. | my {Thing} came in an open box. | somebody had opened the box of my {Thing}.
Defect: a cracked lid | a crack in the lid
Defect: a scratch | a scratched surface
Defect: a dent | a dented side
Defect: a broken handle | a handle that is broken

DamageWish: please send me {Remedy}. | could you send me {Remedy}? | I would like {Remedy}.
DamageWish: please refund me. | I want my money back. | I would like a refund.
DamageWish: do you need photos? | shall I send photos? | would photos help you?
DamageWish: please collect it. | could you collect it? | I would like you to pick it up.

Charge: I have been charged twice for order {Order}. | you took the money for order {Order} twice.
  | order {Order} has been billed two times.
Charge: you charged me {Amount} too much. | I have been charged {Amount} too much. | my bill is {Amount} too high.
Charge: I have not received the refund for order {Order}. | the refund for order {Order} has not arrived.
  | I am still waiting for the refund of order {Order}.
Charge: I cancelled my subscription, but I was charged {Amount}.
  | although I cancelled my subscription, you took {Amount}.
  | you took {Amount} after I had cancelled my subscription.
Charge: I do not have an invoice for order {Order}. | there was no invoice with order {Order}.
  | the invoice for order {Order} is missing.
Charge: my payment for order {Order} was declined. | the payment of order {Order} did not go through.
  | I could not pay for order {Order}.
Amount: #

ChargeWish: please check this. | could you look into this? | I would like you to check this.
ChargeWish: please put it right today. | could you put it right today? | I would like this to be put right today.
ChargeWish: please explain. | can you explain this? | I would like an explanation.

Return: I would like to return my {Thing}. | I want to send my {Thing} back. | my {Thing} has to go back to you.
Return: I would like to return my {Thing} because {Reason}. | I want to send my {Thing} back, as {Reason}.
  | since {Reason}, I would like to return my {Thing}.
Return: I sent my {Thing} back on {Day}. | on {Day} I returned my {Thing}. | my {Thing} went back to you on {Day}.
Reason: it is too big | it is too large
Reason: it is too loud | it makes too much noise
Reason: I no longer need it | I do not need it any more
Reason: I ordered the wrong one | I chose the wrong one by mistake
Reason: I found it cheaper elsewhere | another shop sells it for less

ReturnWish: how does that work? | what do I have to do? | please tell me how that works.
ReturnWish: please send me a label. | could you send me a label? | I need a label from you.
ReturnWish: who pays for the postage? | do I have to pay the postage?
ReturnWish: when will I get my money? | how long does the refund take? | please tell me when to expect the refund.

Account: I cannot log in to my account. | my account does not let me in. | logging in to my account does not work.
Account: I have forgotten my password. | I do not remember my password. | I have lost my password.
Account: my address is now {Address}. | I have moved to {Address}. | please note my new address: {Address}.
Account: I get too many emails from you. | you send me too many emails.
Account: my account has been locked. | you have locked my account. | I am locked out of my account.
Address: #

AccountWish: my email address is {Address}. | you have my email address as {Address}.
  | the account belongs to {Address}.
AccountWish: please help me. | could you help me? | I need your help.
AccountWish: please delete my account. | I want you to delete my account. | could you remove my account?
AccountWish: please change this. | could you change this? | I would like you to change this.

HowTo: how do I {Task} my {Thing}? | what is the right way to {Task} my {Thing}?
  | can you tell me how to {Task} my {Thing}?
HowTo: where can I find {Find} for my {Thing}? | I am looking for {Find} for my {Thing}.
  | please tell me where {Find} for my {Thing} can be found.
HowTo: how often should I {Task} my {Thing}? | how many times a year should I {Task} my {Thing}?
Task: clean
Task: descale
Task: reset | restart
Task: set up | install
Task: update
Find: the manual | the instructions
Find: the serial number
Find: the settings

Part: do you sell {Spare} for my {Thing}? | can I buy {Spare} for my {Thing}?
  | I would like to buy {Spare} for my {Thing}.
Part: how much is {Spare} for my {Thing}? | what does {Spare} for my {Thing} cost?
  | please tell me the price of {Spare} for my {Thing}.
Spare: a new lid
Spare: a filter
Spare: a power cable | a mains lead
Spare: a door seal
Spare: a battery

Praise: I am very happy with my {Thing}. | my {Thing} is wonderful. | I love my {Thing}.
Praise: your colleague {Colleague} was very helpful. | I was helped very well by {Colleague}.
  | {Colleague} gave me excellent help.
Colleague: #
"""


@cache
def desk() -> Grammar:
    """Return the grammar of the support desk."""
    return read(DESK)
