"""The texts of the dashboard are in both languages, and each is used."""

import json
import re
from pathlib import Path

import api
from api.dashboard import PAGES

ROOT = Path(api.__file__).parent / "static" / "dashboard"
SOURCES = {path: path.read_text("utf-8") for path in ROOT.rglob("*") if path.suffix in (".js", ".html")}
SOURCE = "\n".join(SOURCES.values())
ENGLISH, FRENCH = (json.loads((ROOT / "i18n" / f"{language}.json").read_text("utf-8")) for language in ("en", "fr"))


def stem(key: str) -> str:
    """The key as the source has it: without the form of a plural."""
    return re.sub(r"\.(one|other)$", "", key)


def test_both_languages_have_the_same_texts_with_the_same_gaps() -> None:
    assert list(ENGLISH) == list(FRENCH)
    for key, text in ENGLISH.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", FRENCH[key])), key


def test_every_text_is_used() -> None:
    whole = set(re.findall(r"\"(\w+(?:\.[\w-]+)+)\"", SOURCE))
    prefixes = tuple(re.findall(r"t\(`([\w.]+\.)\$\{", SOURCE))
    unused = [key for key in ENGLISH if stem(key) not in whole and not key.startswith(prefixes)]
    assert not unused


def test_every_text_that_is_asked_for_exists() -> None:
    asked = re.findall(r"\b(?:t|has|startPage)\(\s*\"([\w.-]+)\"|data-i18n(?:-label)?=\"([\w.-]+)\"", SOURCE)
    counted = set(re.findall(r"\btn\(\s*\"([\w.-]+)\"", SOURCE))
    missing = {first or second for first, second in asked} - set(ENGLISH)
    assert not missing
    assert all(f"{key}.{form}" in ENGLISH for key in counted for form in ("one", "other"))


def test_every_page_has_its_module_and_style_sheet() -> None:
    for name in PAGES.values():
        assert (ROOT / "pages" / f"{name}.js").is_file()
        assert (ROOT / "styles" / f"{name}.css").is_file()


def test_modules_import_only_files_that_exist_and_none_is_long() -> None:
    for path, source in SOURCES.items():
        assert source.count("\n") <= 300, path
        for name in re.findall(r"^import .*?from \"([^\"]+)\"", source, re.MULTILINE | re.DOTALL):
            assert (path.parent / name).resolve() in SOURCES, (path, name)


def test_no_page_has_inline_styles_or_scripts_which_the_policy_forbids() -> None:
    assert not re.search(r"\sstyle=|<style|innerHTML|<script>", SOURCE)
