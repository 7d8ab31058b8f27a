"""The texts of charts, and the forms of numbers, in each language."""

from collections.abc import Mapping

#: d3's number formats; money is in euros. The French thousands are apart by a narrow no-break space.
LOCALES: Mapping[str, Mapping[str, object]] = {
    "en": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["€", ""]},
    "fr": {"decimal": ",", "thousands": "\u202f", "grouping": [3], "currency": ["", "\u00a0€"], "percent": "\u00a0%"},
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "monthly-revenue": "Monthly revenue by city",
        "sales-rental-split": "Sales and rentals by city",
        "city-comparison": "Revenue by city",
        "top-models": "Top models by city",
        "seasonality": "Revenue by calendar month",
        "index": "Index",
        "nothing": "No transactions in this selection",
        "revenue": "Revenue",
        "transactions": "Transactions",
        "sales": "Sales",
        "rentals": "Rentals",
        # An expression: d3 would put the prefix of thousands or millions after a currency that follows the number.
        "short_money": "format(datum.value, '$~s')",
        "percent": " %",
        "months": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    },
    "fr": {
        "monthly-revenue": "Chiffre d'affaires mensuel par ville",
        "sales-rental-split": "Ventes et locations par ville",
        "city-comparison": "Chiffre d'affaires par ville",
        "top-models": "Modèles les plus demandés par ville",
        "seasonality": "Chiffre d'affaires par mois de l'année",
        "index": "Indice",
        "nothing": "Aucune transaction dans cette sélection",
        "revenue": "Chiffre d'affaires",
        "transactions": "Transactions",
        "sales": "Ventes",
        "rentals": "Locations",
        "short_money": "format(datum.value, '~s') + '\u00a0€'",
        "percent": "\u00a0%",
        "months": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    },
}
