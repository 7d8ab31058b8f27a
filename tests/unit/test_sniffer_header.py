"""How the header of a source is found, and what its columns mean."""

import pytest

from tests.unit.batches import map_whole
from tests.unit.sniffing import HEADER, POSITIONS, failure, sniffed, source

HEAD = HEADER.encode()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_by_which_a_header_is_found(delimiter: str) -> None:
    text = delimiter.join([*HEADER.split(","), '"a, b; c\td|e"', "x"]) + "\n"
    layout = sniffed(text.encode()).layout
    assert (layout.delimiter, layout.fields) == (delimiter, 8)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_header_alone_is_a_source_without_rows(end: bytes) -> None:
    data = HEAD + end
    layout = sniffed(data).layout
    assert layout.data_start == len(data)
    assert map_whole(data, layout).rows_read == 0


def test_lines_before_the_header_are_skipped_and_counted() -> None:
    data = 'Ventes; "2024"\n\n;;\nEdité le 02/01/2025;x\n'.encode() + source({}, delimiter=";")
    result = sniffed(data)
    assert (result.layout.dialect.header, result.layout.header_lines) == (5, 5)
    assert data[result.layout.data_start :].startswith(b"T1;")
    [note] = result.layout.notes
    assert (note.code, note.count, note.line) == ("lines_before_header", 2, 1)
    assert 'Ventes; "2024"' in note.message


def test_blank_lines_before_the_header_are_not_worth_a_note() -> None:
    layout = sniffed(b"\r\n\n" + HEAD + b"\r\n\n").layout
    assert (layout.dialect.header, layout.data_start, layout.notes) == (3, 3 + len(HEAD) + 2, ())


def test_a_header_is_looked_for_in_50_lines() -> None:
    assert sniffed(b"x\n" * 49 + HEAD).layout.dialect.header == 50
    assert "lacks transaction_id" in failure(b"x\n" * 50 + HEAD)
    assert failure(b"\n" * 50 + HEAD) == "The first 50 lines are blank; a header line was expected."


def test_the_first_header_counts_whatever_its_delimiter() -> None:
    semicolons = HEADER.replace(",", ";").encode()
    assert sniffed(semicolons + b"\n" + HEAD).layout.delimiter == ";"
    assert sniffed(semicolons + b"\n" + HEAD, delimiter=",").layout.dialect.header == 2


def test_a_given_header_is_taken() -> None:
    data = source({}) + source({}, header=f"{HEADER},note")
    layout = sniffed(data, header=3).layout
    assert (layout.dialect.header, layout.fields, layout.header_lines) == (3, 7, 3)
    assert failure(data, header=2).endswith("line 2 is: T1,2024-01-15,Lyon,vente,Clio,10000.")
    assert "line 99, but this line is blank" in failure(data, header=99)
    assert sniffed(b"x\n" * 99 + data, header=100).layout.dialect.header == 100


def test_a_header_may_have_a_line_break_in_quotes() -> None:
    data = HEAD + b',"a\nb"\n1\n'
    layout = sniffed(data).layout
    assert (layout.header_lines, layout.fields, data[layout.data_start :]) == (2, 7, b"1\n")


@pytest.mark.parametrize(
    "row", ["T0,2024-01-10,Lyon,vente,Clio,1", "T0,10.01.2024 12:00,Lyon,vente,Clio,1,,", "T0,20240110,,,,"]
)
def test_rows_before_the_header_fail(row: str) -> None:
    data = f"{row}\n".encode() + source({})
    sentence = failure(data)
    assert "rows before the header, which is line 2" in sentence
    assert "header=2" in sentence
    assert sentence.endswith(f"line 1 is: {row}.")
    assert sniffed(data, header=2).layout.header_lines == 2


@pytest.mark.parametrize("line", ["T0,2024-01-10,Lyon", "T0,x,Lyon,vente,Clio,1", "a,b,c,d,e,2024-01-10,g,h"])
def test_other_lines_before_the_header_are_no_rows(line: str) -> None:
    assert sniffed(f"{line}\n".encode() + source({})).layout.dialect.header == 2


@pytest.mark.parametrize(
    "line",
    [
        f"{HEADER}T1,2024-01-10,Lyon,vente,Clio,1",
        "date,id,ville,type,modele,prix2024-01-10,T1,Lyon,vente,Clio,1",
        "date,id,ville,type,modele,prix10/01/2024,T1,Lyon,vente,Clio,1",
        "date,id,ville,type,modele,prix20240110,T1,Lyon,vente,Clio,1",
        f"{HEADER},note10.01.2024 08:30",
        f"{HEADER}T1,2024-01-10,Lyon,vente,Clio,1" * 5_000,
    ],
)
def test_a_header_with_a_date_has_lost_its_line_breaks(line: str) -> None:
    assert failure(line.encode()).startswith("The line breaks were lost: ")


def test_a_given_header_may_have_a_date() -> None:
    data = source({}, header=f"{HEADER},Stock 31/12/2023")
    assert "header=1" in failure(data)
    assert sniffed(data, header=1).layout.fields == 7


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_lines_that_are_one_quoted_field_fail(delimiter: str) -> None:
    lines = source({}, delimiter=delimiter).decode().splitlines()
    sentence = failure("".join(f'"{line}"\r\n' for line in lines).encode())
    assert sentence.startswith("Each line is quoted as one field; remove the quotes")


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_header_that_is_too_long_fails(end: bytes) -> None:
    assert "longer than 65,536 bytes" in failure(HEAD + b"," * (1 << 16) + end)
    assert "longer than 65,536 bytes" in failure(b"x" * (1 << 20) + end)


@pytest.mark.parametrize(
    ("header", "positions"),
    [
        ("prix,modèle,type,ville,date,transaction_id", [5, 4, 3, 2, 1, 0]),
        (" Price ,MODEL,Type,CITY,DATE,\tID", [5, 4, 3, 2, 1, 0]),
        ('"montant","MODÈLE","type","city","date","id"', [5, 4, 3, 2, 1, 0]),
        ("reference,sale_date,town,operation,car,Sale Price", [0, 1, 2, 3, 4, 5]),
        ("n° transaction,Date de vente,Commune,Type-Transaction,véhicule,Montant T.T.C", [0, 1, 2, 3, 4, 5]),
        ("id,x,date,y,ville,,type,,modele,ville2,amount", [0, 2, 4, 6, 8, 10]),
        ("id,date,ville,type,mode\u0300le,pr\u200bix", [0, 1, 2, 3, 4, 5]),
        ("id,date,ville,type,modele,Prix (€)", [0, 1, 2, 3, 4, 5]),
        ("id,date,ville,type,modele,Prix [EUR] (TTC)", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_columns_are_found_by_name_in_any_order(header: str, positions: list[int]) -> None:
    layout = sniffed(f"{header}\r\n".encode()).layout
    assert [layout.positions[meaning] for meaning in POSITIONS] == positions


@pytest.mark.parametrize("durations", ["duree_location_mois", "Durée Mois (mois)", "RENTAL_MONTHS"])
@pytest.mark.parametrize("costs", ["cout", "coût", "Purchase-Price"])
@pytest.mark.parametrize("currencies", ["devise", "Currency"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_optional_columns_are_found_too(durations: str, costs: str, currencies: str, encoding: str) -> None:
    layout = sniffed(f"{HEADER},{durations},{costs},{currencies}\n".encode(encoding)).layout
    assert layout.positions == {**POSITIONS, "duration": 6, "cost": 7, "currency": 8}


@pytest.mark.parametrize(
    ("header", "lacks"),
    [
        ("id,date,ville,type", "modele, prix"),
        ("1,2,Paris,vente,Audi A4,1", "transaction_id, date, ville, type, modele, prix"),
        (HEADER.replace("prix", "Prix (k€)"), "prix"),
        (HEADER.replace("prix", "Prix (€ par mois)"), "prix"),
        (HEADER.replace(",", ":"), "transaction_id, date, ville, type, modele, prix"),
        ('"a\x1b[31m",c', "transaction_id"),
    ],
)
def test_a_header_that_lacks_a_column_is_shown(header: str, lacks: str) -> None:
    sentence = failure(f"{header}\n".encode())
    assert sentence.startswith(f"The header lacks {lacks}")
    shown = header.replace("\x1b", "U+001B")
    assert sentence.endswith(f"; read as utf-8, line 1 is: {shown}.")


def test_a_file_without_a_header_is_told_so() -> None:
    sentence = failure(b"1,2024-01-31,Lyon,vente,Clio,5\n" * 3)
    assert "; a file without a header needs one, and this line is like a row; read as" in sentence
    assert "like a row" not in failure(b"date,ville\n2024-01-31,Lyon\n")


def test_the_options_of_all_columns_that_a_header_lacks_are_shown() -> None:
    assert "(--column city=NAME or city==TEXT; likewise model)" in failure(b"id,date,type,prix\n")


def test_the_line_that_is_shown_is_the_one_that_names_most_columns() -> None:
    data = b"Ventes;2024;x;y;z;a;b\nid;date;ville;type\n"
    assert failure(data).endswith("line 2 is: id;date;ville;type.")


@pytest.mark.parametrize(
    ("names", "meaning"), [("Price", "price"), ("PRIX", "price"), ("town", "city"), ("cost,cout", "cost")]
)
def test_two_columns_of_one_meaning_fail(names: str, meaning: str) -> None:
    sentence = failure(f"{HEADER},{names}\n".encode())
    assert sentence.startswith(f"Two columns mean {meaning}: ")
    assert "rename one of them" in sentence or f'--column {meaning}="' in sentence


def test_one_of_two_columns_can_be_chosen() -> None:
    data = source({}, header=f"{HEADER},Price,PRIX")
    assert sniffed(data, columns={"price": "Price"}).layout.positions == {**POSITIONS, "price": 6}
    assert sniffed(data, columns={"price": "PRIX"}).layout.positions == {**POSITIONS, "price": 7}
    assert 'choose one with --column price="prix"' in failure(data, columns={"price": "Prix"})
    assert sniffed(data, columns={"price": "=5"}).layout.constants == {"price": "5"}


@pytest.mark.parametrize(
    ("header", "position", "others"),
    [
        ("reference,numero,date,ville,type,modele,prix", 1, "reference"),
        ("numero,ID,date,ville,type,modele,prix", 1, "numero"),
        ("id,transaction_id,date,ville,type,modele,prix", 1, "id"),
        ("id,id,date,ville,type,modele,prix", 0, "id"),
    ],
)
def test_of_several_ids_the_first_in_the_list_counts(header: str, position: int, others: str) -> None:
    layout = sniffed(f"{header}\n".encode()).layout
    assert layout.positions["id"] == position
    [note] = layout.notes
    assert (note.code, note.count) == ("second_id", 1)
    assert note.message.endswith(f"; {others} is not used.")


def test_an_id_can_be_given() -> None:
    layout = sniffed(b"id,numero,date,ville,type,modele,prix\n", columns={"id": "Numéro"}).layout
    assert (layout.positions["id"], [note.message for note in layout.notes]) == (1, ["1 column not used: id."])


def test_columns_that_mean_nothing_are_listed_in_a_note() -> None:
    [note] = sniffed(f"{HEADER},Note,,duree,vendeur\n".encode()).layout.notes
    assert (note.code, note.count) == ("unused_columns", 3)
    assert "Note, duree, vendeur" in note.message


@pytest.mark.parametrize(
    ("price", "cost", "is_used"),
    [
        ("prix_ttc", "cout_ht", False),
        ("Prix (HT)", "Coût TTC", False),
        ("montantht", "coutttc", False),
        ("prix_ttc", "cout_ttc", True),
        ("prix_ht", "cout", True),
        ("prix", "cout_ttc", True),
        ("prix_ttc", "prix_achat", True),
        ("montant_ht (TTC)", "cout_ht", False),
        ("montant_ht (TTC)", "cout_ttc (HT)", True),
    ],
)
def test_a_cost_with_another_tax_than_the_price_is_not_used(price: str, cost: str, is_used: bool) -> None:
    layout = sniffed(f"id,date,ville,type,modele,{price},{cost}\n".encode()).layout
    assert [note.code for note in layout.notes] == ([] if is_used else ["cost_not_used"])
    assert ("cost" in layout.positions) is is_used


def test_a_given_cost_is_used_whatever_its_tax() -> None:
    header = b"id,date,ville,type,modele,Total HT,cout_ttc\n"
    assert "cost" not in sniffed(header, columns={"price": "total ht"}).layout.positions
    assert sniffed(header, columns={"price": "total ht", "cost": "Coût TTC"}).layout.positions["cost"] == 6


def test_a_column_can_be_given_by_its_name() -> None:
    data = source({}, header="Réf. dossier,date,ville,type,modele,prix,Prix Remisé")
    layout = sniffed(data, columns={"id": "ref dossier", "price": "PRIX_REMISE"}).layout
    assert layout.positions == {**POSITIONS, "price": 6}
    assert layout.meanings == ("id", "date", "city", "type", "model", "price", "price")
    assert [note.message for note in layout.notes] == ["1 column not used: prix."]


@pytest.mark.parametrize(("asked", "position"), [("Prix (TTC)", 6), ("prix_(ttc)", 6), ("PRIX (HT)", 5)])
def test_of_columns_that_are_the_same_the_one_counts_that_is_closest_to_what_is_given(
    asked: str, position: int
) -> None:
    data = source({}, header="id,date,ville,type,modele,Prix (HT),Prix (TTC)")
    layout = sniffed(data, columns={"price": asked}).layout
    assert layout.positions["price"] == position
    assert [note.count for note in layout.notes] == [1]
    assert "Two columns mean price" in failure(data, columns={"price": "Prix"})


@pytest.mark.parametrize("asked", ["Total", "total (€)", "TOTAL [TTC]"])
def test_a_bracket_that_is_ignored_in_names_is_ignored_in_those_that_are_given(asked: str) -> None:
    data = source({}, header=HEADER.replace("prix", "Total (€)"))
    assert sniffed(data, columns={"price": asked}).layout.positions == POSITIONS


@pytest.mark.parametrize("meaning", ["price", "cost"])
def test_a_given_name_that_the_header_lacks_fails(meaning: str) -> None:
    sentence = failure(source({}), columns={meaning: "Montant"})
    assert sentence.startswith(f"The header lacks Montant (given as {meaning})")
    assert sentence.endswith(f"line 1 is: {HEADER}.")


def test_a_column_cannot_be_given_twice() -> None:
    sentence = failure(source({}), columns={"price": "Prix", "cost": "prix"})
    assert sentence == "The column prix is given as price and as cost; give two columns."


def test_a_column_that_is_not_used_may_be_there_twice() -> None:
    layout = sniffed(f"{HEADER},cout,cost\n".encode(), columns={"cost": None}).layout
    assert (layout.positions, layout.notes) == (POSITIONS, ())


def test_a_text_can_stand_in_for_a_column() -> None:
    data = source({}, header="id,date,type,modele,prix")
    layout = sniffed(data, columns={"city": "=Lyon", "duration": "=12"}).layout
    assert layout.constants == {"city": "Lyon", "duration": "12"}
    assert layout.positions == {"id": 0, "date": 1, "type": 2, "model": 3, "price": 4}
    assert "(--column city=NAME or city==TEXT)" in failure(data)


def test_names_in_the_header_may_have_line_breaks() -> None:
    header = 'id,date,ville,type,modele,"Prix\r\n(€)"'
    layout = sniffed(f"Title\n{header}\r\n1,2024-01-31,Lyon,vente,Clio,5\n".encode()).layout
    assert (layout.dialect.header, layout.header_lines, layout.dialect.currency) == (2, 3, "EUR")


def test_a_header_with_a_stray_quote_is_shown() -> None:
    data = f'{HEADER},"note\n1,2024-01-31,Lyon,vente,Clio,5,\n'
    assert failure(data.encode()).startswith("The header has a quote that is not closed, or text after a closing one: ")
    two = f'{HEADER},"note\n1,2024-01-31,Lyon,vente,Clio,5,x\n1,2024-01-31,Lyon",vente,Clio,5,\n'
    assert failure(two.encode()).endswith(f'line 1 is: {HEADER},"note.')


def test_a_header_may_have_another_encoding_than_the_rows() -> None:
    header, rows = "id,date,ville,type,modèle,prix\n", "1,2024-01-31,Nîmes,vente,Zoé,5\n" * 2
    for encoding, other in (("utf-8", "cp1252"), ("cp1252", "utf-8")):
        layout = sniffed(header.encode(other) + rows.encode(encoding)).layout
        assert (layout.encoding, layout.positions) == (encoding, POSITIONS)


@pytest.mark.parametrize("row", ["T1,2024-01-15,Lyon,vente,Clio,5", "T1,15/01/24,Lyon,vente,Clio,5,,"])
def test_a_row_before_the_header_fails_though_it_has_a_surplus(row: str) -> None:
    assert failure(f"{row}\n{HEADER}\n".encode()).startswith("There are rows before the header")
