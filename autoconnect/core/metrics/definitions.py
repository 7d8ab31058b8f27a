"""The definitions of the metrics in each language."""

from collections.abc import Mapping

from autoconnect.core.metrics import CATALOGUE

#: By language and metric; the English ones are those of the catalogue.
DEFINITIONS: Mapping[str, Mapping[str, str]] = {
    "en": {name: metric.definition for name, metric in CATALOGUE.items()},
    "fr": {
        "summary": "La sélection en une ligne\u00a0; les lignes lues et rejetées sont celles de toute la tâche.",
        "monthly-revenue": (
            "Somme des prix par ville et par mois\u00a0: de toutes les transactions, des ventes et des locations."
        ),
        "sales-rental-split": (
            "Nombres et chiffres d'affaires des ventes et des locations par ville, et leurs parts dans le total de la "
            "ville."
        ),
        "city-comparison": (
            "Villes classées par chiffre d'affaires, puis par nom. Le meilleur mois est celui du plus fort chiffre "
            "d'affaires, le premier en cas d'égalité\u00a0; l'évolution compare le dernier mois de la sélection à "
            "celui d'avant, et manque si la ville n'a pas les deux."
        ),
        "top-models": (
            "Les modèles qui ont le plus de transactions dans chaque ville, comptés sur toutes les lignes\u00a0; les "
            "égalités sont départagées par le chiffre d'affaires, puis par le nom."
        ),
        "seasonality": (
            "Chiffre d'affaires par mois, son évolution par rapport au mois d'avant, et l'indice saisonnier\u00a0: "
            "moyenne de ce mois de l'année (janvier, ...) divisée par la moyenne de tous les mois."
        ),
        "rental-duration": (
            "Durée des locations qui en ont une (temps moyen de rotation)\u00a0; l'écart-type est celui de la "
            "population."
        ),
        "margins": (
            "Pour les lignes qui ont un coût\u00a0: la moyenne de prix - coût, et la somme de prix - coût divisée par "
            "la somme des prix."
        ),
        "trend": (
            "Moindres carrés ordinaires du chiffre d'affaires mensuel sur les derniers mois présents (un mois absent "
            "compte comme du temps), et prévision pour le mois qui suit le dernier\u00a0; par ville, et pour toutes "
            "les villes ensemble."
        ),
        "year-over-year": (
            "Chiffre d'affaires par ville et par mois, celui de la même ville et du même mois un an plus tôt, même "
            "hors de la période choisie, et l'évolution\u00a0; rien si le mois de l'année précédente n'a aucune "
            "transaction. Si la période commence ou finit en cours de mois, les mêmes jours sont comparés."
        ),
    },
}
