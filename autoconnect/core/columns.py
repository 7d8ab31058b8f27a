"""Columns that several tables share."""

from autoconnect.core.table import Column, Kind

CITY = Column("city", Kind.NAME, "name")
MODEL = Column("model", Kind.NAME, "name")
TYPE = Column("type", Kind.NAME, "vente | location")
DAY = Column("day", Kind.DAY, "YYYY-MM-DD")
MONTH = Column("month", Kind.MONTH, "YYYY-MM")
YEAR = Column("year", Kind.YEAR, "YYYY")
WEEK = Column("week", Kind.NAME, "YYYY-Www (ISO)")
QUARTER = Column("quarter", Kind.NAME, "YYYY-Qn")
WEEKDAY = Column("weekday", Kind.RANK, "1 (Monday) to 7 (Sunday)")
