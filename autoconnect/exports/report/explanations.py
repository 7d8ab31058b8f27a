"""What a report says of reasons, notes and columns in each language."""

from collections.abc import Mapping

REASONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "bad_encoding": "Bytes that are no text",
        "record_too_long": "Row too long",
        "bad_quotes": "Quotes that do not match",
        "field_count": "Wrong number of fields",
        "missing_id": "No id",
        "bad_date": "Unreadable date",
        "missing_city": "No city",
        "unknown_type": "Neither sale nor rental",
        "missing_model": "No model",
        "negative_price": "Negative price",
        "bad_price": "Unreadable price",
        "bad_duration": "Impossible duration",
        "bad_cost": "Unreadable cost",
    },
    "fr": {
        "bad_encoding": "Octets qui ne sont pas du texte",
        "record_too_long": "Ligne trop longue",
        "bad_quotes": "Guillemets mal fermés",
        "field_count": "Mauvais nombre de champs",
        "missing_id": "Sans identifiant",
        "bad_date": "Date illisible",
        "missing_city": "Sans ville",
        "unknown_type": "Ni vente ni location",
        "missing_model": "Sans modèle",
        "negative_price": "Prix négatif",
        "bad_price": "Prix illisible",
        "bad_duration": "Durée impossible",
        "bad_cost": "Coût illisible",
    },
}
#: What French says of a note by its code and number; English shows the note's own message.
NOTES: Mapping[str, str] = {
    "lines_before_header": "Lignes ignorées avant l'en-tête\u00a0: {count}",
    "unused_columns": "Colonnes non utilisées\u00a0: {count}",
    "second_id": "Autres colonnes qui pourraient être l'identifiant\u00a0: {count}",
    "cost_not_used": "La colonne du coût n'est pas utilisée",
    "repeated_headers": "En-têtes répétés entre les lignes et ignorés\u00a0: {count}",
    "line_breaks_in_quotes": "Lignes avec un saut de ligne entre guillemets\u00a0: {count}",
    "stray_line_ends": "Lignes avec un retour chariot hors des guillemets\u00a0: {count}",
    "other_date_order": "Lignes rejetées pour une date qui inverse le jour et le mois\u00a0: {count}",
    "names_merged": "Noms écrits de plusieurs façons et réunis\u00a0: {count}",
    "suspicious_text": "Noms dont l'encodage semble mal lu\u00a0: {count}",
    "no_rows": "Le résultat est vide",
}
#: The meanings of columns, as the dialect names them.
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "id": "id",
        "date": "date",
        "city": "city",
        "type": "type",
        "model": "model",
        "price": "price",
        "duration": "duration",
        "cost": "cost",
        "currency": "currency",
    },
    "fr": {
        "id": "identifiant",
        "date": "date",
        "city": "ville",
        "type": "type",
        "model": "modèle",
        "price": "prix",
        "duration": "durée",
        "cost": "coût",
        "currency": "devise",
    },
}
