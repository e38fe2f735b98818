"""What the prompts that the embedded model is trained on ask for, in many wordings."""

TONES = ("calm", "polite", "angry", "short", "friendly", "worried", "formal")
PERSONAS = ("a retired teacher", "a student", "a busy parent", "a shop owner", "a nurse", "a landlord", "an engineer")
WRITE = (
    *(
        "Write a support ticket about a {{ product }}.",
        "Write a message to the support desk.",
        "Write a support ticket.",
    ),
    *(
        "Write what a customer of a shop for household appliances writes.",
        "Write a customer's message about {{ topic }}.",
    ),
    *("You are {{ persona }}. Write a message to the support desk about a {{ product }}.", "Write a complaint."),
    *(
        "Write one more ticket like these.",
        "Write a new text of the same kind.",
        "Write a short ticket about {{ topic }}.",
    ),
)
ANSWER = (
    *("Answer the question of the customer:\n{{ text }}", "{{ text }}\nWrite the reply of the support desk."),
    *("Reply to this message of a customer.\n{{ text }}", "Help the customer.\n{{ text }}", "{{ text | trusted }}"),
    *(
        "Answer the question.\n{{ text }}",
        "Write a helpful answer to the ticket.\n{{ text }}",
        "Answer briefly:\n{{ text }}",
    ),
)
SUM_UP = (
    *("Name the topic of the ticket.\n{{ text }}", "Summarise the message in a few words.\n{{ text }}"),
    *("What is the message about?\n{{ text }}", "Write a title for this text.\n{{ text }}"),
)
PAIR = (
    *("Write a question of a customer and the answer of the support desk.", "Write a question about a {{ product }}."),
    *("Write an instruction and its answer.", "Write a question and an answer about household appliances."),
)
CHAT = (
    *("Write a conversation between a customer and the support desk.", "Write a chat about a {{ product }}."),
    *("A customer asks about {{ topic }}. Write the conversation.", "Write a short support chat."),
)
CRITERIA = (
    *("quality", "clear", "correct", "polite", "useful", "complete", "short", "tone", "style", "grammar", "relevance"),
    *("helpful", "accuracy", "safety", "fluency", "detail", "honest", "friendly", "structure", "overall"),
)
ASKED = (
    *("it is clear, correct and useful", "what it says is true", "a newcomer understands it at once", "it is polite"),
    *("it says no more than it must", "the spelling is right", "it helps the reader", "it holds all that is needed"),
)
