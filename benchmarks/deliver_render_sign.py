"""Messages a second and core: rendering, building, signing, and all of it into the null transport.

`benchmarks/deliver_render_sign.py [--messages N] [--rounds N] [--quick]`

Two contents: a letter (an HTML page with three fields and four links) and a catalogue (MJML with a loop over
products, a condition, and links that differ from person to person), each with its plain part. The ledger is not in
it. Yardsticks of the same run: `EmailMessage` building the same texts, dkimpy signing, the RSA signature alone, and
Liquid itself rendering the same texts. All take turns; the figure is the best round in processor time, so that other
work on the machine disturbs little.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import dkim
import liquid
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from aimwell.deliver.compose import Composer, Preview
from aimwell.deliver.content import CompiledContent, compile_content
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.model import Content, Outgoing, Recipient, Sender, Tracking
from aimwell.deliver.null import NullTransport
from aimwell.deliver.token import Tokens
from aimwell.texts.render import Program
from aimwell.texts.tags import LINKS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACKING = Tracking("https://news.shop.example", utm={"utm_source": "aimwell"})
SENDER = Sender("hello@shop.example", name="The Shop", bounce_domain="bounces.shop.example")
# The RSA signature takes most of the time of a letter, so all together is held against it alone.
LEAST = {
    "letter": {"render": 1.5, "render and build": 15.0, "sign (RSA 2048)": 15.0, "all, RSA": 0.6},
    "catalogue": {"render": 1.1, "render and build": 4.0, "sign (RSA 2048)": 15.0},
}
_LINK_TAGS = re.compile(r"\{% (?:aimwell_link [0-9]+|endaimwell_link) %\}")
_DKIMPY_MESSAGES = 10  # it takes seven milliseconds for each

_PARAGRAPH = "<p>Everything for the garden is in, from seeds to sheds, at last year's prices.</p>\n"
_LETTER = (
    "<html><body><h1>Hello {{ first_name | default: 'there' }}</h1>"
    "<p>It is a while since you came by in {{ city }}.</p>"
    + "<p><a href='https://shop.example/spring'>See the spring offers</a></p>"
    + _PARAGRAPH * 40
    + "<p><a href='https://shop.example/seeds'>Seeds</a> <a href='https://shop.example/sheds'>Sheds</a></p>"
    "<p><a href='{{ unsubscribe_url }}'>Unsubscribe</a></p></body></html>"
)
_CATALOGUE = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello {{ first_name | default: "there" }}, this week in {{ city }}:</mj-text>
<mj-raw>{% for product in products %}</mj-raw>
<mj-text><b>{{ product.name }}</b> for {{ product.price }}</mj-text>
<mj-button href="https://shop.example/p/{{ product.slug }}">Have a look</mj-button>
<mj-raw>{% endfor %}</mj-raw>
<mj-text>{% if vip %}Free delivery for you. {% endif %}<a href="https://shop.example/">Shop</a>
<a href="{{ unsubscribe_url }}">Unsubscribe</a> <a href="{{ preference_url }}">Settings</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""
CONTENTS = {
    "letter": Content("letter", "{{ first_name }}, the garden is waiting", html=_LETTER),
    "catalogue": Content(
        "catalogue",
        "{{ first_name }}, new – in {{ city }}",
        mjml=_CATALOGUE,
        preheader="For {{ first_name }}",
    ),
}


def main() -> int:
    """Measure both contents and print figures with their yardsticks; 1 where one is missed or a result is wrong."""
    asked = _arguments()
    count, rounds = (50, 2) if asked.quick else (asked.messages, asked.rounds)
    people = [_person(number) for number in range(count)]
    rsa, ed25519 = _keys()
    met = True
    for name, content in CONTENTS.items():
        compiled = compile_content(content, TRACKING)
        size = _check(compiled, people[0], rsa=rsa, ed25519=ed25519)
        best = _best(_work(compiled, people, rsa=rsa, ed25519=ed25519), rounds)
        per_second = {what: count / seconds for what, seconds in best.items()}
        per_second["dkimpy signs"] = min(_DKIMPY_MESSAGES, count) / best["dkimpy signs"]
        print(f"{name}, {size / 1024:.1f} kB a message")
        met &= _print(per_second, least=LEAST[name])
    return 0 if met or asked.quick else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Render, build and sign messages.")
    parser.add_argument("--messages", type=int, default=300, help="messages in a round")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="a few messages: does it run at all?")
    return parser.parse_args()


def _person(number: int) -> Recipient:
    products = [
        {
            "name": name,
            "price": f"£{number % 50 + place}.90",
            "slug": f"{name.lower()}-{number % 7}",
        }
        for place, name in enumerate(("Spade", "Seeds", "Shed"))
    ]
    fields = {"first_name": "Anna", "city": "Leeds", "vip": number % 2 == 0, "products": products}
    return Recipient(f"m{number:08d}", f"person{number}@example.com", fields, name="Anna Smith")


def _keys() -> tuple[str, str]:
    keys = (generate_private_key(65537, 2048), Ed25519PrivateKey.generate())
    rsa, ed25519 = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for key in keys
    )
    return rsa, ed25519


def _composer(compiled: CompiledContent, *pems: str) -> Composer:
    signers = [
        DkimSigner(domain="shop.example", selector="a1", private_key_pem=pem) for pem in pems
    ]
    tokens = Tokens([b"a secret of thirty-two bytes, 01"])
    return Composer([compiled], sender=SENDER, tracking=TRACKING, tokens=tokens, signers=signers)


def _work(
    compiled: CompiledContent, people: list[Recipient], *, rsa: str, ed25519: str
) -> dict[str, Callable[[], object]]:
    """What is measured, by name; each does all people once."""
    unsigned = _composer(compiled)
    signed, quick_signed = _composer(compiled, rsa), _composer(compiled, ed25519)
    previews = [unsigned.preview(person, now=NOW) for person in people]
    shown = [one for one in previews if isinstance(one, Preview)]
    assert len(shown) == len(people)
    fields = [_helpers(person) for person in people]
    return {
        "render": lambda: [
            [program.render(one) for program in compiled.programs] for one in fields
        ],
        "render and build": lambda: unsigned.compose(people, now=NOW),
        "all, RSA": lambda: _into_null(signed, people),
        "all, Ed25519": lambda: _into_null(quick_signed, people),
        "Liquid itself renders": _bare_liquid(compiled, fields),
        "EmailMessage builds": lambda: [_email_message(one) for one in shown],
        "RSA signature alone": _bare_signature(rsa, len(people)),
        "Ed25519 signature alone": _bare_signature(ed25519, len(people)),
        "dkimpy signs": lambda: [
            _dkimpy(one.message.data, rsa) for one in shown[:_DKIMPY_MESSAGES]
        ],
    }


class _SameLink:
    """Leaves personal links as they are, so that rendering alone can be compared."""

    def personal(self, number: int, url: str) -> str:
        del number
        return url


def _helpers(person: Recipient) -> dict[str, object]:
    pages = dict.fromkeys(("unsubscribe_url", "preference_url"), "https://news.shop.example/u/1")
    own = dict.fromkeys(
        ("aimwell_click", "aimwell_open", "aimwell_preheader"), "https://news.shop.example/c/1"
    )
    return {**person.fields, **pages, **own, LINKS: _SameLink(), "now": NOW, "today": NOW.date()}


def _into_null(composer: Composer, people: list[Recipient]) -> None:
    async def send() -> int:
        made = [one for one in composer.compose(people, now=NOW) if isinstance(one, Outgoing)]
        return len([outcome async for outcome in NullTransport().send(made)])

    assert asyncio.run(send()) == len(people)


def _bare_liquid(
    compiled: CompiledContent, fields: list[dict[str, object]]
) -> Callable[[], list[list[str]]]:
    """Liquid's own environment on the same texts, without the block around personal links."""
    html, plain = liquid.Environment(autoescape=True), liquid.Environment()
    templates = [
        (html if program.html else plain).from_string(_LINK_TAGS.sub("", program.source))
        for program in _programs(compiled)
    ]
    return lambda: [[template.render(one) for template in templates] for one in fields]


def _email_message(shown: Preview) -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "The Shop <hello@shop.example>"
    message["To"] = f"Anna Smith <{shown.message.recipient}>"
    message["Subject"] = shown.subject
    message["Message-ID"] = f"<{shown.message.message_id}@shop.example>"
    message["List-Unsubscribe"] = "<https://news.shop.example/u/1>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(shown.text)
    message.add_alternative(shown.html, subtype="html")
    return message.as_bytes()


def _bare_signature(pem: str, count: int) -> Callable[[], object]:
    key = load_pem_private_key(pem.encode(), password=None)
    data = b"x" * 900
    if isinstance(key, RSAPrivateKey):
        rsa, padding, algorithm = key, PKCS1v15(), SHA256()
        return lambda: [rsa.sign(data, padding, algorithm) for _ in range(count)]
    assert isinstance(key, Ed25519PrivateKey)
    edwards = key
    return lambda: [edwards.sign(data[:32]) for _ in range(count)]


def _dkimpy(data: bytes, pem: str) -> bytes:
    relaxed = (b"relaxed", b"relaxed")
    header = dkim.sign(data, b"a1", b"shop.example", pem.encode(), canonicalize=relaxed)
    return bytes(header) + data


def _best(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of processor time of the best round of each; they take turns."""
    best = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, run in work.items():
            began = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - began)
    return best


def _check(compiled: CompiledContent, person: Recipient, *, rsa: str, ed25519: str) -> int:
    """Refuse to measure unless ours and the yardsticks give the same; returns the bytes of a message."""
    fields = _helpers(person)
    ours = ["".join(program.render(fields)) for program in _programs(compiled)]
    (theirs,) = _bare_liquid(compiled, [fields])()
    assert ours == theirs
    composer = _composer(compiled, rsa, ed25519)
    shown = composer.preview(person, now=NOW)
    assert isinstance(shown, Preview)
    one, two = (
        message_from_bytes(data, policy=policy.default)
        for data in (shown.message.data, _email_message(shown))
    )
    assert isinstance(one, EmailMessage)
    assert isinstance(two, EmailMessage)
    assert one["Subject"] == two["Subject"]
    for kind in ("plain", "html"):
        parts = [message.get_body((kind,)) for message in (one, two)]
        texts = [part.get_content().rstrip() for part in parts if part is not None]
        assert len(texts) == 2
        assert texts[0] == texts[1]
    name, record = DkimSigner(
        domain="shop.example", selector="a1", private_key_pem=rsa
    ).dns_record()
    assert name == "a1._domainkey.shop.example"
    signed = _composer(compiled, rsa).compose([person], now=NOW)[0]
    assert isinstance(signed, Outgoing)
    assert dkim.verify(signed.data, dnsfunc=lambda *_, **__: record.encode())
    return len(signed.data)


def _programs(compiled: CompiledContent) -> tuple[Program, ...]:
    assert compiled.html is not None
    return (compiled.html, compiled.text, compiled.subject, compiled.preheader)


def _print(found: dict[str, float], *, least: dict[str, float]) -> bool:
    """One line for each figure; True where every ratio was reached."""
    signing = 1 / (1 / found["all, RSA"] - 1 / found["render and build"])
    rows = [
        ("render", found["render"], "Liquid itself renders"),
        ("render and build", found["render and build"], "EmailMessage builds"),
        ("sign (RSA 2048)", signing, "dkimpy signs"),
        ("all, RSA", found["all, RSA"], "RSA signature alone"),
        ("all, Ed25519", found["all, Ed25519"], "Ed25519 signature alone"),
    ]
    met = True
    for what, ours, yardstick in rows:
        bare, wanted = found[yardstick], least.get(what, 0.0)
        verdict = (
            ""
            if not wanted
            else f"  (at least {wanted:g}{'' if ours / bare >= wanted else ', MISSED'})"
        )
        print(
            f"  {what:17} {ours:8,.0f}/s  {ours / bare:6.2f} x {yardstick}, {bare:,.0f}/s{verdict}"
        )
        met &= ours / bare >= wanted
    return met


if __name__ == "__main__":
    sys.exit(main())
