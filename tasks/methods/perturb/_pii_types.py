"""The types of private value, the other names that they go by, and the names of fields that hold them."""

# In order of rank: of two findings on the same words the earlier type is taken.
TYPES = (
    "SECRET",
    "IBAN",
    "CREDIT_CARD",
    "US_SSN",
    "NATIONAL_ID",
    "EMAIL",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "URL",
    "DATE_OF_BIRTH",
    "PHONE",
    "ADDRESS",
    "PERSON_NAME",
    "ORGANIZATION",
    "LOCATION",
    "DATE",
)
RANK = {kind: rank for rank, kind in enumerate(TYPES)}
# A date alone says little about anybody; it is found where it is asked for.
DEFAULT_TYPES = tuple(kind for kind in TYPES if kind != "DATE")
BY_NER = frozenset({"ADDRESS", "PERSON_NAME", "ORGANIZATION", "LOCATION"})

_OTHER_NAMES = {
    "PERSON_NAME": "PERSON PER NAME FULL_NAME FIRST_NAME LAST_NAME SURNAME USER_NAME",
    "ORGANIZATION": "ORG ORGANISATION COMPANY",
    "LOCATION": "LOC GPE FAC CITY COUNTRY STATE",
    "ADDRESS": "STREET_ADDRESS ZIP_CODE POSTCODE",
    "EMAIL": "EMAIL_ADDRESS E_MAIL",
    "PHONE": "PHONE_NUMBER TELEPHONE FAX_NUMBER MOBILE",
    "CREDIT_CARD": "CARD CREDIT_CARD_NUMBER CARD_NUMBER",
    "IBAN": "IBAN_CODE",
    "US_SSN": "SSN",
    "NATIONAL_ID": "ID_NUMBER PASSPORT US_PASSPORT US_DRIVER_LICENSE DRIVER_LICENSE US_ITIN UK_NHS UK_NINO TAX_ID",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "URL": "DOMAIN_NAME WEBSITE",
    "DATE_OF_BIRTH": "DOB BIRTH_DATE",
    "DATE": "DATE_TIME",
    "SECRET": "API_KEY PASSWORD TOKEN",
}
ALIASES = {other: kind for kind, names in _OTHER_NAMES.items() for other in names.split()} | {
    kind: kind for kind in TYPES
}

_FIELDS = {
    "PERSON_NAME": "fullname firstname lastname surname givenname familyname customername username contactname",
    "EMAIL": "email emailaddress mail",
    "PHONE": "phone phonenumber telephone tel mobile mobilenumber cell fax",
    "ADDRESS": "address streetaddress street zip zipcode postcode postalcode billingaddress shippingaddress",
    "LOCATION": "city town village placeofbirth birthplace",
    "ORGANIZATION": "company employer organisation organization companyname",
    "US_SSN": "ssn socialsecuritynumber",
    "NATIONAL_ID": "passport passportnumber nationalid taxid driverlicense drivinglicence personalnumber",
    "IBAN": "iban",
    "CREDIT_CARD": "creditcard cardnumber creditcardnumber",
    "IP_ADDRESS": "ip ipaddress clientip",
    "DATE_OF_BIRTH": "dob birthdate dateofbirth birthday",
    "SECRET": "password passwd secret apikey token accesstoken secretkey privatekey",
}
FIELD_TYPES = {field: kind for kind, names in _FIELDS.items() for field in names.split()}
# Whose `name` is a person's: {"customer": {"name": ...}}, and not {"product": {"name": ...}}.
_PEOPLE = "customer user person client patient employee contact author owner sender recipient agent guest member tenant"
PEOPLE_FIELDS = frozenset(_PEOPLE.split())


def field_type(path: tuple[str, ...]) -> str | None:
    """Return the type of what stands in a field of `extra`, from its name and that of its parent; None: not known."""
    name = "".join(char for char in path[-1].lower() if char.isalnum()) if path else ""
    if name == "name" and len(path) > 1 and path[-2].lower() in PEOPLE_FIELDS:
        return "PERSON_NAME"
    return "PERSON_NAME" if name in PEOPLE_FIELDS and len(path) == 1 else FIELD_TYPES.get(name)
