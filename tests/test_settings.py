"""Settings: environment over file over default, each documented, each fault told in words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import SettingsError
from aimwell.settings import FILE_NAME, Settings, load_settings, render_toml

CHANGED: dict[str, Any] = {
    "own_code_seconds": 30,
    "own_functions": True,
    "email_people_max": 4,
    "phone_people_max": 4,
    "loyalty_card_people_max": 2,
    "external_id_people_max": 2,
    "handle_people_max": 2,
    "device_people_max": 8,
    "anonymous_people_max": 8,
    "alias_people_max": 3,
    "customer_ids_max": 20,
    "match_merge_min": 0.95,
    "match_review_min": 0.8,
    "match_schedule": "off",
    "unify_schedule": "0 5 * * sun",
    "household_people_max": 4,
    "trusted_sources": "crm, till",
    "segment_full_hours": 7,
    "currency": "EUR",
    "timezone": "Europe/London",
    "country": "GB",
    "margin_default": 0.25,
    "control_url": "postgresql+psycopg://ann:p%40ss#word@db/aimwell",
    "engine": "spark",
    "spark_master": "spark://127.0.0.1:7077",
    "engine_memory_mb": 512,
    "engine_threads": 2,
    "lease_seconds": 45,
    "host": "0.0.0.0",  # noqa: S104 - only read
    "port": 0,
    "public_url": "https://shop.example/aimwell/",
    "scores_memory_mb": 64,
    "inbox_folder": "elsewhere",
    "inbox_segment_seconds": 0.7,
    "quarantine_days": 8,
    "message_parts_days": 8,
    "texts_days": 8,
    "originals_days": 8,
    "inbox_segment_mb": 8,
    "flush_seconds": 1.5,
    "tracking_per_second": 250.0,
    "messages_per_job": 7,
}


def write(folder: Path, text: str) -> Path:
    file = folder / FILE_NAME
    file.write_text(text, encoding="utf-8")
    return file


def load(file: Path | None, **environment: str) -> Settings:
    return load_settings(file, environment=environment)


# --- where a value comes from -----------------------------------------------------------------------------


def test_defaults_hold_where_nothing_is_said(tmp_path: Path) -> None:
    assert load(None) == load(tmp_path / "none.toml") == Settings()


def test_the_environment_stands_over_the_file_and_an_override_over_both(tmp_path: Path) -> None:
    file = write(tmp_path, '[workspace]\ncurrency = "EUR"\n[server]\nport = 1\nhost = "h"\n')
    assert load(file).port == 1
    assert load(file, AIMWELL_PORT="2").port == 2
    found = load_settings(file, environment={"AIMWELL_PORT": "2"}, port=3, host=None)
    assert (found.port, found.currency, found.host) == (3, "EUR", "h")


def test_numbers_in_the_environment_are_read_as_numbers() -> None:
    found = load(None, AIMWELL_MARGIN_DEFAULT="0.4", AIMWELL_ENGINE_MEMORY_MB="100")
    assert (found.margin_default, found.engine_memory_mb) == (0.4, 100)


def test_an_empty_text_means_none_where_none_is_the_default(tmp_path: Path) -> None:
    file = write(
        tmp_path, '[workspace]\ncountry = ""\nmargin_default = ""\n[store]\ncontrol_url = ""\n'
    )
    assert load(file) == Settings()
    set_ = write(tmp_path, '[workspace]\ncountry = "GB"\n')
    assert load(set_).country == "GB"
    assert load(set_, AIMWELL_COUNTRY="").country is None
    assert load_settings(set_, environment={}, country="").country is None


def test_the_real_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMWELL_CURRENCY", "SEK")
    assert load_settings().currency == "SEK"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b'\xef\xbb\xbf[workspace]\ncurrency = "EUR"\n')
    assert load(tmp_path / FILE_NAME).currency == "EUR"


# --- faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[workspace\n", r"aimwell.toml is not valid TOML: .*line 1"),
        ('[workspace]\ncurrency = "EUR"\ncurrency = "GBP"\n', "not valid TOML"),
        ('currency = "EUR"\n', r"'currency' stands outside a group. Groups: deliver, engine"),
        (
            '[workspace]\ncurency = "EUR"\n',
            r"\[workspace\] has no setting 'curency'. Did you mean 'cur",
        ),
        ('[store]\ncurrency = "EUR"\n', r"no setting 'currency'. It belongs in \[workspace\]"),
        ("[nonsense]\nx = 1\n", r"\[nonsense\] has no setting 'x'. Known: "),
        (
            '[workspace]\ncurrency = "eur"\n',
            r"currency = 'eur': three capital letters, as GBP. It is: ISO 4217",
        ),
        ('[workspace]\ncurrency = ""\n', r"currency = ''"),
        (
            '[workspace]\ncurrency = "QQQ"\n',
            r"'QQQ': no currency has this ISO 4217 code. Codes are as GBP, EUR, USD. It is: ",
        ),
        ('[workspace]\ntimezone = "Europe/Londn"\n', r"Did you mean 'Europe/London'\? It is: "),
        ('[workspace]\ntimezone = "Mars/Phobos"\n', "has this name. Names are as Europe/London"),
        ("[workspace]\nmargin_default = 1.5\n", "less than or equal to 1"),
        ("[workspace]\nmargin_default = nan\n", "margin_default"),
        ('[server]\nport = "8400"\n', r"port = '8400': Input should be a valid integer"),
        ("[server]\nport = true\n", r"port = True"),
        ("[server]\nport = 65536\n", "less than or equal to 65535"),
        ("[server]\nport = 1.5\n", "port = 1.5"),
        ('[server]\npublic_url = "shop.example"\n', "public_url"),
        ('[engine]\nengine = "oracle"\n', "Input should be 'duckdb'"),
        ("[jobs]\nlease_seconds = 1\n", "greater than or equal to 2"),
    ],
)
def test_each_fault_in_the_file_says_what_and_what_is_allowed(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        load(write(tmp_path, text))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    wrong_names = write(tmp_path, "[workspace]\na = 1\nb = 2\n[x]\nc = 3\n")
    with pytest.raises(SettingsError) as caught:
        load(wrong_names)
    assert len(str(caught.value).splitlines()) == 4
    wrong_values = write(
        tmp_path, '[workspace]\ncurrency = "x"\ncountry = "y"\n[server]\nport = -1\n'
    )
    with pytest.raises(SettingsError) as caught:
        load(wrong_values)
    assert len(str(caught.value).splitlines()) == 4


def test_a_file_of_another_encoding_or_without_rights_is_told(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes('[workspace]\n# caf\xe9\ncurrency = "EUR"\n'.encode("latin-1"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)


def test_a_wrong_value_in_the_environment_is_told() -> None:
    with pytest.raises(SettingsError, match=r"port = 'abc': .*Port on which"):
        load(None, AIMWELL_PORT="abc")


@pytest.mark.parametrize("name", ["AIMWELL_CONTROL_ULR", "AIMWELL_CURENCY", "AIMWELL_PORTS"])
def test_a_mistyped_setting_in_the_environment_is_told(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} in the environment is not a setting. Did you"):
        load(None, **{name: "x"})


def test_other_names_in_the_environment_are_left_alone() -> None:
    others = ("AIMWELL_SMTP_PASSWORD", "AIMWELL_DATA", "AIMWELL_TEST_SEED", "PORT", "CURRENCY")
    assert load(None, **dict.fromkeys(others, "x")) == Settings()


def test_an_unknown_override_is_told() -> None:
    with pytest.raises(SettingsError, match=r"no setting 'curency'. Did you mean 'currency'"):
        load_settings(None, environment={}, curency="EUR")


def test_the_password_of_the_database_is_never_shown(tmp_path: Path) -> None:
    file = write(tmp_path, '[store]\ncontrol_url = ["postgresql://ann:secret@db/x"]\n')
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Settings(control_url="postgresql://ann:secret@db/x"))


# --- the file that is written -----------------------------------------------------------------------------


def uncommented(text: str) -> str:
    """The file with all its settings switched on; what is not a setting stays a remark."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        is_setting = bare.split(" = ")[0] in Settings.model_fields
        lines.append(bare if is_setting else line)
    return "\n".join(lines)


def test_every_setting_is_documented_and_stands_in_a_group() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra["group"], name
        assert not field.is_required(), f"{name} needs a default"


def test_the_changed_settings_of_this_test_are_all_there_are() -> None:
    assert CHANGED.keys() == Settings.model_fields.keys()
    only_one_choice = {"engine"}
    for name, value in CHANGED.items():
        assert name in only_one_choice or value != Settings.model_fields[name].default


@pytest.mark.parametrize("settings", [Settings(), Settings(**CHANGED)], ids=["default", "changed"])
def test_a_written_file_reads_back_as_the_same_settings(tmp_path: Path, settings: Settings) -> None:
    text = render_toml(settings)
    assert load(write(tmp_path, text)) == settings
    assert load(write(tmp_path, uncommented(text))) == settings
    for field in Settings.model_fields.values():
        assert f"# {field.description}" in text


def test_a_file_of_defaults_says_nothing_but_remarks() -> None:
    assert all(values == {} for values in tomllib.loads(render_toml(Settings())).values())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_reads_back_from_the_file(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    settings = Settings(host=text)
    found = tomllib.loads(render_toml(settings)).get("server", {}).get("host", Settings().host)
    assert found == text


@pytest.mark.parametrize(
    ("given_", "base"),
    [
        ({}, "http://127.0.0.1:8400"),
        ({"host": "h", "port": 1}, "http://h:1"),
        ({"public_url": "https://shop.example/a/"}, "https://shop.example/a"),
    ],
)
def test_the_base_url_is_the_public_one_or_the_address_of_the_server(
    given_: dict[str, Any], base: str
) -> None:
    assert Settings(**given_).base_url == base


@pytest.mark.parametrize("name", ["match_schedule", "unify_schedule"])
def test_a_schedule_that_never_fires_is_told_when_settings_are_read(name: str) -> None:
    for wrong in ("25 99 * * *", "0 0 31 2 *", "nightly"):
        with pytest.raises(SettingsError, match=name):
            load_settings(environment={}, **{name: wrong})
    assert getattr(load_settings(environment={}, **{name: "off"}), name) == "off"
    assert getattr(load_settings(environment={}, **{name: "0  5 * * mon"}), name) == "0 5 * * mon"
