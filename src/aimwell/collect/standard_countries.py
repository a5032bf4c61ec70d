"""Countries as people write them → ISO 3166-1 alpha-2: codes, names in some thirty languages, usual spellings.

The names come with the telephone numbers' library, which has them for the same countries.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["COUNTRY_CODES", "country_code"]

_CODES = (
    "AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM AT:AUT AU:AUS AW:ABW AX:ALA "
    "AZ:AZE BA:BIH BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR BH:BHR BI:BDI BJ:BEN BL:BLM BM:BMU BN:BRN BO:BOL BQ:BES "
    "BR:BRA BS:BHS BT:BTN BV:BVT BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK CD:COD CF:CAF CG:COG CH:CHE CI:CIV CK:COK "
    "CL:CHL CM:CMR CN:CHN CO:COL CR:CRI CU:CUB CV:CPV CW:CUW CX:CXR CY:CYP CZ:CZE DE:DEU DJ:DJI DK:DNK DM:DMA "
    "DO:DOM DZ:DZA EC:ECU EE:EST EG:EGY EH:ESH ER:ERI ES:ESP ET:ETH FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA "
    "GA:GAB GB:GBR GD:GRD GE:GEO GF:GUF GG:GGY GH:GHA GI:GIB GL:GRL GM:GMB GN:GIN GP:GLP GQ:GNQ GR:GRC GS:SGS "
    "GT:GTM GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD HN:HND HR:HRV HT:HTI HU:HUN ID:IDN IE:IRL IL:ISR IM:IMN IN:IND "
    "IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA JE:JEY JM:JAM JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM KI:KIR KM:COM KN:KNA "
    "KP:PRK KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA LI:LIE LK:LKA LR:LBR LS:LSO LT:LTU LU:LUX LV:LVA "
    "LY:LBY MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL MK:MKD ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ "
    "MR:MRT MS:MSR MT:MLT MU:MUS MV:MDV MW:MWI MX:MEX MY:MYS MZ:MOZ NA:NAM NC:NCL NE:NER NF:NFK NG:NGA NI:NIC "
    "NL:NLD NO:NOR NP:NPL NR:NRU NU:NIU NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG PH:PHL PK:PAK PL:POL PM:SPM "
    "PN:PCN PR:PRI PS:PSE PT:PRT PW:PLW PY:PRY QA:QAT RE:REU RO:ROU RS:SRB RU:RUS RW:RWA SA:SAU SB:SLB SC:SYC "
    "SD:SDN SE:SWE SG:SGP SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE SM:SMR SN:SEN SO:SOM SR:SUR SS:SSD ST:STP SV:SLV "
    "SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL TL:TLS TM:TKM TN:TUN TO:TON TR:TUR "
    "TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA UM:UMI US:USA UY:URY UZ:UZB VA:VAT VC:VCT VE:VEN VG:VGB VI:VIR "
    "VN:VNM VU:VUT WF:WLF WS:WSM YE:YEM YT:MYT ZA:ZAF ZM:ZMB ZW:ZWE"
)
_ALPHA_3 = dict(pair.split(":")[::-1] for pair in _CODES.split())

COUNTRY_CODES: tuple[str, ...] = tuple(_ALPHA_3.values())
"""The codes of ISO 3166-1 alpha-2, in order."""

# What is in no list of names, as it stands in shops' data.
_SPELLINGS = {
    "GB": "uk; u k; great britain; britain; england; scotland; wales; northern ireland; united kingdom of great "
    "britain and northern ireland; gran bretana; grossbritannien; grande bretagne; inghilterra; groot brittannie",
    "US": "usa; u s a; u s; america; united states of america; the united states; the usa; etats unis; eeuu; "
    "ee uu; estados unidos de america; vereinigte staaten; vereinigte staaten von amerika",
    "IE": "eire; republic of ireland; irish republic; roi",
    "NL": "holland; the netherlands; netherlands; hollande; holanda; olanda",
    "DE": "brd; federal republic of germany; bundesrepublik deutschland; frg",
    "CZ": "czech republic; tschechien; republique tcheque; republica checa; repubblica ceca; cesko; ceska republika",
    "KR": "south korea; korea; republic of korea; korea south; korea republic of; sudkorea; coree du sud",
    "KP": "north korea; korea north; democratic people s republic of korea; dprk",
    "RU": "russia; russian federation",
    "ZA": "rsa; south africa; republic of south africa",
    "AE": "uae; u a e; emirates",
    "CN": "prc; mainland china; people s republic of china; peoples republic of china",
    "TW": "taiwan; taiwan province of china; taiwan r o c",
    "HK": "hong kong; hongkong; hong kong sar; hong kong s a r",
    "MO": "macau; macao; macao sar",
    "VN": "viet nam; vietnam",
    "CI": "ivory coast; cote d ivoire; elfenbeinkuste",
    "CD": "dr congo; drc; democratic republic of the congo; congo kinshasa; zaire",
    "CG": "congo; republic of the congo; congo brazzaville",
    "MK": "macedonia; north macedonia; fyrom",
    "MM": "burma; myanmar",
    "SZ": "swaziland; eswatini",
    "TR": "turkey; turkiye; turkei; turquie; turquia",
    "CV": "cape verde; cabo verde",
    "TL": "east timor; timor leste",
    "VA": "vatican; holy see; vatican city state",
    "PS": "palestine; state of palestine",
    "LA": "laos; lao people s democratic republic",
    "SY": "syria; syrian arab republic",
    "IR": "iran; islamic republic of iran; persia",
    "TZ": "tanzania; united republic of tanzania",
    "VE": "venezuela; bolivarian republic of venezuela",
    "BO": "bolivia; plurinational state of bolivia",
    "MD": "moldova; republic of moldova",
    "BN": "brunei; brunei darussalam",
    "BA": "bosnia; bosnia and herzegovina; bosnia herzegovina",
    "CH": "switzerland; schweiz; suisse; svizzera; swiss",
    "AT": "osterreich; oesterreich",
    "ES": "espana; kingdom of spain",
    "BR": "brasil",
    "BE": "belgique; belgie; belgien",
    "DK": "danmark",
    "FI": "suomi",
    "GR": "hellas; ellada; hellenic republic",
    "HU": "magyarorszag",
    "HR": "hrvatska",
    "IS": "island",
    "JP": "nippon; nihon",
    "NO": "norge; noreg",
    "PL": "polska",
    "SE": "sverige",
    "SK": "slovensko; slovak republic",
    "SI": "slovenija",
    "RS": "srbija; republic of serbia",
    "UA": "ukraina",
    "IN": "bharat",
    "JE": "jersey",
    "GG": "guernsey",
    "IM": "isle of man",
    "PT": "portuguese republic",
    "RO": "rumania; roumania",
    "LU": "luxemburg",
    "VG": "british virgin islands",
    "VI": "us virgin islands; u s virgin islands",
    "KN": "st kitts and nevis; saint kitts and nevis",
    "LC": "st lucia; saint lucia",
    "VC": "st vincent and the grenadines; saint vincent and the grenadines",
    "TT": "trinidad; trinidad and tobago",
}
_ALIASES = {"UK": "GB", "EL": "GR"}
_LENGTH_MAX = 80


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """The two-letter code of a country that is named or coded in any usual way; None where it is none that is known.

    Of a word that means two countries in two languages neither is taken, unless it is the English one of one.
    """
    if len(text) > _LENGTH_MAX:
        return None
    plain = _plain(text)
    code = plain.replace(" ", "").upper()
    if len(code) == 2 and (code in _ALIASES or code in COUNTRY_CODES):
        return _ALIASES.get(code, code)
    if len(code) == 3 and code in _ALPHA_3:
        return _ALPHA_3[code]
    return _names().get(plain)


def _plain(text: str) -> str:
    """Without case, accents and signs; single spaces."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w]+|_", " ", bare.replace("&", " and ")).split())


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    # Imported here: it brings the places of all the world's numbers, and codes need no names.
    from phonenumbers.geodata.locale import LOCALE_DATA

    found: dict[str, set[str]] = {}
    english: dict[str, str] = {}
    for code in COUNTRY_CODES:
        names = LOCALE_DATA.get(code, {})
        told = {name for name in names.values() if name and not name.startswith("*")}
        for name in told:
            found.setdefault(_plain(name), set()).add(code)
        if first := names.get("aa"):
            english[_plain(first)] = code
    sure = {name: codes.pop() for name, codes in found.items() if len(codes) == 1}
    spelled = {
        spelling.strip(): code
        for code, spellings in _SPELLINGS.items()
        for spelling in spellings.split(";")
    }
    return {**sure, **english, **spelled}
