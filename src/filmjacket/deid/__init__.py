"""De-identification: the Basic Application Level Confidentiality Profile with the Clean Pixel Data Option (PS3.15 E).

`refusals` says which instances it cannot be done for, `data_set` does the attributes, `codestreams` what codecs carry
beside pixels. Pure: values in, values out. Why each choice was made: docs/explanation/deidentification.md.
"""
