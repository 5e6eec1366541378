"""Measures of a hierarchy of meaning, as functions of plain arrays.

- `rows`: what is measured, a `Row`: radii and ln P(a | x), whatever geometry they come from;
- `references`: rows that need no embedding, by counts;
- `corpus`: occurrence, document frequency, nested texts and maps of a fold;
- `taxonomies`: which term is above which, and pairs that are not;
- `edges`: direction, discrimination and retrieval of ancestors;
- `nested`: order of nested texts and maps;
- `walks`: steps from a text to the root;
- `closed_sets`: hierarchical precision and recall;
- `probability`: calibration, and the radius as a sign of error;
- `intervals`: paired 95 % intervals;
- `suite`: all of them for one row.
"""
