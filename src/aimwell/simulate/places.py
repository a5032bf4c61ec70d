"""Countries of the made-up people: names, towns, time zones, tax, and phone numbers that nobody has.

Phone numbers come from the ranges that the regulators keep free for film and print (Ofcom, Bundesnetzagentur,
ARCEP, ACMA; in the USA 555-0100 to 555-0199 of each area code). They are few, so only as many people have a
phone as there are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COUNTRIES", "ZONES", "Country", "Town"]


@dataclass(frozen=True)
class Town:
    """A town with its share of the country's people, the start of its postcodes and its time zone."""

    name: str
    weight: float
    postcode: str
    zone: str


@dataclass(frozen=True)
class Country:
    """What the made-up people of a country have in common.

    `postcode` is the form of the rest of a postcode: 9 stands for a digit, A for a letter. `phones` are
    the first digits of reserved numbers with the count of free digits after them.
    """

    code: str
    language: str
    tax: float
    dial: str
    postcode: str
    towns: tuple[Town, ...]
    phones: tuple[tuple[str, int], ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    streets: tuple[str, ...]
    number_first: bool = True

    @property
    def phone_count(self) -> int:
        """Reserved phone numbers of the country."""
        return sum(10**free for _, free in self.phones)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _streets(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


_GB = Country(
    code="GB",
    language="en",
    tax=0.20,
    dial="+44",
    postcode=" 9AA",
    towns=tuple(
        Town(name, weight, code, "Europe/London")
        for name, weight, code in (
            ("London", 8, "E1"),
            ("Birmingham", 3, "B2"),
            ("Leeds", 2, "LS1"),
            ("Glasgow", 2, "G3"),
            ("Manchester", 2, "M4"),
            ("Bristol", 1, "BS5"),
            ("Cardiff", 1, "CF10"),
            ("Belfast", 1, "BT7"),
        )
    ),
    phones=(
        *((f"{area}4960", 3) for area in ("113", "114", "116", "117", "118", "121", "131")),
        *((f"{area}4960", 3) for area in ("141", "151", "161")),
        ("2079460", 3),
        ("1914980", 3),
        ("2920180", 3),
        ("7700900", 3),
    ),
    women=_names(
        "Olivia Amelia Ava Emily Grace Sophie Lucy Hannah Chloe Ruby Priya Aisha Joan Margaret Susan Karen"
    ),
    men=_names(
        "Oliver George Harry Jack Noah Leo Oscar Thomas James William Arjun Omar Alan Keith David Peter"
    ),
    families=_names(
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Wright Walker White Green Hall Wood Clarke "
        "Khan Hughes Edwards Thompson Baker Turner Hill Moore Cooper Ward Morris King Watson Harrison"
    ),
    streets=_streets(
        "High Street | Station Road | Mill Lane | Church Close | Orchard Way | Park Avenue | Elm Grove | The Green"
    ),
)

_DE = Country(
    code="DE",
    language="de",
    tax=0.19,
    dial="+49",
    postcode="999",
    towns=tuple(
        Town(name, weight, code, "Europe/Berlin")
        for name, weight, code in (
            ("Berlin", 4, "10"),
            ("Hamburg", 2, "20"),
            ("München", 2, "80"),
            ("Köln", 1, "50"),
            ("Frankfurt am Main", 1, "60"),
            ("Leipzig", 1, "04"),
        )
    ),
    phones=(("3023125", 3), ("6990009", 3), ("4066969", 3), ("2214710", 3), ("8999998", 3)),
    women=_names(
        "Anna Emma Mia Lea Lena Marie Sabine Petra Ursula Ayşe Katrin Jana Claudia Heike Birgit Nele"
    ),
    men=_names(
        "Paul Jonas Felix Lukas Finn Max Jürgen Klaus Uwe Mehmet Stefan Andreas Björn Günter Tim Jan"
    ),
    families=_names(
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf "
        "Schröder Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Werner Krause Köhler Maier Yılmaz Huber Kaiser"
    ),
    streets=_streets(
        "Hauptstraße | Schulstraße | Gartenweg | Bahnhofstraße | Lindenallee | Am Markt | Bergstraße | Waldweg"
    ),
    number_first=False,
)

_FR = Country(
    code="FR",
    language="fr",
    tax=0.20,
    dial="+33",
    postcode="999",
    towns=tuple(
        Town(name, weight, code, "Europe/Paris")
        for name, weight, code in (
            ("Paris", 4, "75"),
            ("Lyon", 2, "69"),
            ("Marseille", 2, "13"),
            ("Lille", 1, "59"),
            ("Nantes", 1, "44"),
            ("Toulouse", 1, "31"),
        )
    ),
    phones=(("19900", 4), ("26191", 4), ("35301", 4), ("46571", 4), ("53649", 4), ("63998", 4)),
    women=_names(
        "Camille Léa Manon Chloé Inès Sarah Julie Claire Nathalie Sylvie Zoé Fatima Hélène Monique Lucie Élise"
    ),
    men=_names(
        "Hugo Lucas Louis Jules Arthur Nathan Antoine Pierre Michel Karim Benoît Éric François Luc Rémi Yves"
    ),
    families=_names(
        "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux "
        "David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Benali Faure Blanc"
    ),
    streets=_streets(
        "rue de la Paix | rue du Moulin | avenue de la Gare | place du Marché | rue des Lilas | allée des Tilleuls"
    ),
)

_US_AREAS = _names(
    "202 206 210 212 213 214 215 216 303 305 312 313 314 317 401 402 404 406 412 415 "
    "502 503 504 505 512 515 602 603 612 615 617 619 702 703 713 716 801 802 804 808 "
    "901 904 907 913 915 916 917 918 919 971"
)

_US = Country(
    code="US",
    language="en",
    tax=0.0,
    dial="+1",
    postcode="99",
    towns=(
        Town("New York", 4, "100", "America/New_York"),
        Town("Boston", 1, "021", "America/New_York"),
        Town("Chicago", 2, "606", "America/Chicago"),
        Town("Denver", 1, "802", "America/Denver"),
        Town("Los Angeles", 3, "900", "America/Los_Angeles"),
    ),
    phones=tuple((f"{area}55501", 2) for area in _US_AREAS),
    women=_names(
        "Emma Sophia Isabella Mia Ashley Jessica Maria Linda Patricia Barbara Jasmine Kayla Rosa Donna Amy Lily"
    ),
    men=_names(
        "Liam Mason Ethan Logan Tyler Jose Michael Robert John Kevin Brandon Juan Gary Larry Justin Ryan"
    ),
    families=_names(
        "Johnson Williams Miller Davis Garcia Rodriguez Martinez Anderson Jackson Lee Lopez Nguyen Clark Lewis Young "
        "Allen Scott Torres Adams Nelson Carter Mitchell Perez Roberts Campbell Parker Evans Collins Stewart Kim"
    ),
    streets=_streets(
        "Main Street | Oak Avenue | Maple Drive | Lake View Road | Washington Street | Sunset Lane | 2nd Street"
    ),
)

_AU = Country(
    code="AU",
    language="en",
    tax=0.10,
    dial="+61",
    postcode="99",
    towns=(
        Town("Sydney", 3, "20", "Australia/Sydney"),
        Town("Melbourne", 3, "30", "Australia/Melbourne"),
        Town("Brisbane", 1, "40", "Australia/Brisbane"),
        Town("Perth", 1, "60", "Australia/Perth"),
    ),
    phones=tuple((f"{area}{block}", 4) for block in ("5550", "7010") for area in "2378"),
    women=_names(
        "Charlotte Isla Matilda Ella Zara Kylie Jennifer Heather Mai Georgia Tahlia Wendy Anh Bronwyn Ivy Sienna"
    ),
    men=_names(
        "Jackson Hudson Cooper Lachlan Riley Bruce Wayne Darren Minh Angus Flynn Craig Hamish Trevor Beau Archie"
    ),
    families=_names(
        "Smith Nguyen Singh Campbell Kelly Ryan Murphy Robinson Mitchell Stewart Cameron Fraser Sullivan Tran Chen "
        "Wallace Gibson Marshall Burns Doyle Fisher Hunter Russell Webb Barker Lowe Reid Boyd Page Cole"
    ),
    streets=_streets(
        "George Street | Beach Road | Wattle Street | Bay View Parade | Banksia Court | Railway Terrace"
    ),
)

COUNTRIES: dict[str, Country] = {country.code: country for country in (_GB, _DE, _FR, _US, _AU)}
ZONES: tuple[str, ...] = tuple(
    sorted({town.zone for country in COUNTRIES.values() for town in country.towns})
)
