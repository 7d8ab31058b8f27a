"""The kernel: compiled loops that read the rows they are sure of from a block of bytes, and defer every other line.

A block stays in the processor's cache and is read in three steps:

1. `records.index_block` compares 64 bytes at a time and lists the positions of all delimiters, line feeds and quotes.
2. `records.read_rows` walks over that list, CHUNK records at a time, and reads the fields it needs, column by column
   (`fields`). Names in neighbouring columns become one code, equal texts the same code (`texts`). The kernel does not
   know what a text means.
3. `cells.fold_rows` adds rows to cells. Between steps 2 and 3 the caller judges the new texts.

The kernel rejects nothing. It defers a line to the plain mapper wherever a rule of the input would otherwise have to
exist twice. These tricks pay: fields are compared, hashed and converted in words of 8 bytes; a cell is one cache line;
rows are first read into small arrays, so that many cells are fetched at once.

`mapper` runs the steps over the blocks of a batch, and `cell_table` owns the tables that they fill. The other modules
import nothing of AutoConnect from outside this folder. Compiled code is kept on disk by the digest of the folder
(`cache`), and a change elsewhere would not renew it.
"""
