"""The change log: what happened to studies, series, instances, workitems and non-patient instances, in order."""
