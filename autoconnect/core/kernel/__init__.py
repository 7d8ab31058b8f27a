"""The kernel: compiled loops that read the rows they are sure of from a block of bytes, and defer every other line.

A block is mapped chunk by chunk (`map`), so that a chunk stays in the processor's nearest cache, in three steps:

1. `index.index_chunk` compares 64 bytes at a time and lists the ends of fields and records, as far as all quotes are
   where they are expected. Where something else comes, `walk.walk_record` goes over one record.
2. `records.read_rows` reads the fields it needs, column by column. Amounts become numbers (`amounts`). All else becomes
   codes, equal texts the same code: names in neighbouring columns (`texts`), and dates, durations and currencies
   (`short_texts`). The kernel does not know what a text means.
3. `fold.fold_rows` adds rows to cells. Between steps 2 and 3 the caller judges the new texts.

The kernel rejects nothing. It defers a line to the plain mapper wherever a rule of the input would otherwise have to
exist twice. These tricks pay: fields are compared, hashed and converted in words of 8 bytes; a cell is one cache line;
rows are first read into small arrays, so that many cells are fetched at once.

`mapper` runs the steps over the blocks of a batch, `shapes` describes a layout to them, `cell_table` owns the tables
that they fill, and `span_texts` and `short_columns` judge the texts. The other modules import nothing of AutoConnect
from outside this folder. Compiled code is kept on disk by the digest of the folder (`cache`), and a change elsewhere
would not renew it.
"""
