"""`cfg` against Tracery's `flatten` (weighted draws) and NLTK's `generate` (every derivation), on a support desk."""

import random

from tests.bench.measure import Row, rate, row
from tests.builders import make

# 48 productions, 1,927,800 derivations; the Tracery form says the same, with its own spaces.
TICKETS = """
Ticket -> Opening Problem Detail Request | Opening Problem Request | Problem Detail Thanks
Opening -> 'Hello' ',' | 'Hi team' ',' | 'Good' Daytime ','
Daytime -> 'morning' | 'afternoon' | 'evening'
Problem -> Product State When '.'
Product -> 'my' Thing | 'the' Thing 'I' Bought
Thing -> Size 'router' | Size 'printer' | 'invoice' | 'account' | 'mobile app'
Size -> 'small' | 'large' | 'new'
Bought -> 'ordered' | 'bought' | 'rented'
State -> Adverb 'stops working' | 'shows error' Code | Adverb 'loses the connection'
Adverb -> 'often' | 'suddenly'
Code -> '404' | '500' | 'E17'
When -> 'since' Day | 'when' 'I' Action
Day -> 'Monday' | 'last week' | 'yesterday'
Action -> 'restart it' | 'open the menu' | 'log in'
Detail -> 'I' 'already' 'tried' 'to' Action '(' 'twice' ')' '.' | 'It' State 'again' '.'
Request -> 'Can you' Help '?' | 'Please' Help 'soon' '.' | Thanks
Help -> 'help me' | 'send a refund' | 'replace' 'the' Thing
Thanks -> 'Thank you' '!'
"""
TRACERY = {
    "Ticket": [
        "#Opening# #Problem# #Detail# #Request#",
        "#Opening# #Problem# #Request#",
        "#Problem# #Detail# #Thanks#",
    ],
    "Opening": ["Hello,", "Hi team,", "Good #Daytime#,"],
    "Daytime": ["morning", "afternoon", "evening"],
    "Problem": ["#Product# #State# #When#."],
    "Product": ["my #Thing#", "the #Thing# I #Bought#"],
    "Thing": ["#Size# router", "#Size# printer", "invoice", "account", "mobile app"],
    "Size": ["small", "large", "new"],
    "Bought": ["ordered", "bought", "rented"],
    "State": ["#Adverb# stops working", "shows error #Code#", "#Adverb# loses the connection"],
    "Adverb": ["often", "suddenly"],
    "Code": ["404", "500", "E17"],
    "When": ["since #Day#", "when I #Action#"],
    "Day": ["Monday", "last week", "yesterday"],
    "Action": ["restart it", "open the menu", "log in"],
    "Detail": ["I already tried to #Action# (twice).", "It #State# again."],
    "Request": ["Can you #Help#?", "Please #Help# soon.", "#Thanks#"],
    "Help": ["help me", "send a refund", "replace the #Thing#"],
    "Thanks": ["Thank you!"],
}
_ROWS = 100_000
_PEER_ROWS = 1_000


def bench() -> list[Row]:
    """Return texts a second of ours and of each peer, on the same grammar."""
    return [_against_tracery(), _against_nltk()]


def _against_tracery() -> Row:
    import tracery

    peer = tracery.Grammar(TRACERY)
    random.seed(0)
    theirs = rate(lambda: [peer.flatten("#Ticket#") for _ in range(_PEER_ROWS)], _PEER_ROWS)
    params = {"grammar": TRACERY, "start": "Ticket"}
    ours = rate(lambda: make("cfg", params, _ROWS), _ROWS)
    return row("cfg weighted, texts/s; peer tracery flatten", ours, theirs, asked="20x")


def _against_nltk() -> Row:
    from nltk import CFG
    from nltk.parse import generate

    grammar = CFG.fromstring(TICKETS)
    generate.MAX_GENERATE_OPERATIONS = 1000 * _ROWS
    theirs = rate(lambda: list(generate.generate(grammar, n=_ROWS)), _ROWS)
    ours = rate(lambda: make("cfg", {"grammar": TICKETS, "mode": "exhaustive"}, _ROWS), _ROWS)
    return row("cfg exhaustive, texts/s; peer nltk.parse.generate", ours, theirs, asked="3x")


if __name__ == "__main__":
    for line in bench():
        print(line)
