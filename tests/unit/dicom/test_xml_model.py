"""The Native DICOM Model: PS3.19 A.1, PS3.18 F.3 and 8.6.1.2, fact sheet 12.2."""

import pytest
from lxml import etree

from filmjacket.dicom.limits import MAX_DEPTH
from filmjacket.dicom.xml_model import NAMESPACE, decode_native, encode_native
from filmjacket.errors import DicomError

HEAD = f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'


def document(content):
    return f"{HEAD}{content}</NativeDicomModel>".encode()


def parsed(attributes):
    return etree.fromstring(encode_native(attributes))


def find(root, path):
    return root.findall("/".join(f"{{*}}{name}" for name in path.split("/")))


def test_root():
    root = parsed({})
    assert root.tag == f"{{{NAMESPACE}}}NativeDicomModel"
    assert root.get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"


def test_attributes_of_an_element_are_lower_case_names():
    (element,) = find(parsed({"00080060": {"vr": "CS", "Value": ["CT"]}}), "DicomAttribute")
    assert dict(element.attrib) == {"tag": "00080060", "vr": "CS", "keyword": "Modality"}


def test_elements_are_ordered_and_group_lengths_left_out():
    root = parsed({"00100020": {"vr": "LO"}, "00080000": {"vr": "UL", "Value": [1]}, "00080060": {"vr": "CS"}})
    assert [element.get("tag") for element in root] == ["00080060", "00100020"]


def test_values_are_numbered_and_empty_ones_stay():
    root = parsed({"00080008": {"vr": "CS", "Value": ["A", None, "B"]}})
    values = find(root, "DicomAttribute/Value")
    assert [(value.get("number"), value.text) for value in values] == [("1", "A"), ("2", None), ("3", "B")]


def test_zero_length_has_no_content():
    (element,) = parsed({"00080060": {"vr": "CS"}})
    assert len(element) == 0
    assert element.text is None


def test_person_name_components():
    root = parsed({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B^^D^E", "Ideographic": "山^^"}, None]}})
    names = find(root, "DicomAttribute/PersonName")
    assert [name.get("number") for name in names] == ["1", "2"]
    assert [(etree.QName(part).localname, part.text) for part in names[0][0]] == [
        ("FamilyName", "A"),
        ("GivenName", "B"),
        ("NamePrefix", "D"),
        ("NameSuffix", "E"),
    ]
    assert [(etree.QName(part).localname, part.text) for part in names[0][1]] == [("FamilyName", "山")]
    assert len(names[1]) == 0


def test_items():
    root = parsed({"00081115": {"vr": "SQ", "Value": [{}, {"0020000E": {"vr": "UI", "Value": ["1.2"]}}]}})
    items = find(root, "DicomAttribute/Item")
    assert [(item.get("number"), len(item)) for item in items] == [("1", 0), ("2", 1)]


def test_private_elements_are_named_by_creator():
    root = parsed(
        {
            "00090010": {"vr": "LO", "Value": ['M & "E"']},
            "00091001": {"vr": "LO", "Value": ["x"]},
            "00111001": {"vr": "LO", "Value": ["y"]},
        }
    )
    assert [dict(element.attrib) for element in root] == [
        {"tag": "00090001", "vr": "LO", "privateCreator": 'M & "E"'},
        {"tag": "00111001", "vr": "LO"},
    ]


def test_binary():
    root = parsed(
        {
            "00282000": {"vr": "OB", "InlineBinary": "AAE="},
            "7FE00010": {"vr": "OW", "BulkDataURI": "http://host/a?b=1&c='\"<2>"},
        }
    )
    assert find(root, "DicomAttribute/InlineBinary")[0].text == "AAE="
    assert find(root, "DicomAttribute/BulkData")[0].get("uri") == "http://host/a?b=1&c='\"<2>"


def test_relative_bulk_uri_can_be_made_absolute_afterwards():
    xml = encode_native({"7FE00010": {"vr": "OW", "BulkDataURI": "/7FE00010"}})
    assert b'<BulkData uri="/7FE00010"/>' in xml


def test_markup_and_control_characters():
    text = "a<b>&c\r\nd\te\x0c\x00\x1b\ufffe"
    attributes = {"00204000": {"vr": "LT", "Value": [text]}}
    assert find(parsed(attributes), "DicomAttribute/Value")[0].text == "a<b>&c\r\nd\te\ufffd\ufffd\ufffd\ufffd"


GOOD = {
    "strings": {"00080008": {"vr": "CS", "Value": ["A", None, "B"]}, "00080060": {"vr": "CS"}},
    "spaces": {"00204000": {"vr": "LT", "Value": ["  a \r\n\tb\\c  "]}},
    "numbers": {
        "00280010": {"vr": "US", "Value": [512]},
        "00280030": {"vr": "DS", "Value": [0.5, -1, None, "x"]},
        "00200013": {"vr": "IS", "Value": [7]},
        "00189074": {"vr": "FD", "Value": [0.1, 1e300, 1e20, -2.0]},
        "00182041": {"vr": "UV", "Value": [1, "18446744073709551615"]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
    },
    "names": {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "山", "Phonetic": "や"}]},
        "00081070": {"vr": "PN", "Value": [{"Alphabetic": "^^^^"}, None, {"Ideographic": "^x"}]},
        "00104000": {"vr": "PN", "Value": [{"Alphabetic": "1^2^3^4^5^6"}]},
    },
    "sequences": {
        "00081115": {
            "vr": "SQ",
            "Value": [{}, {"00081199": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI"}}]}}],
        },
        "00081110": {"vr": "SQ"},
    },
    "private": {
        "00090010": {"vr": "LO", "Value": ["ONE"]},
        "00090011": {"vr": "LO", "Value": ["TWO"]},
        "00091001": {"vr": "LO", "Value": ["a"]},
        "000910FF": {"vr": "UN", "InlineBinary": "AA=="},
        "00091101": {
            "vr": "SQ",
            "Value": [{"00090010": {"vr": "LO", "Value": ["IN"]}, "00091001": {"vr": "LO"}}],
        },
    },
    "binary": {
        "00282000": {"vr": "OB", "InlineBinary": "AAE="},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://host/a?b=1&c"},
    },
}


@pytest.mark.parametrize("name", GOOD)
def test_round_trip(name):
    assert decode_native(encode_native(GOOD[name])) == GOOD[name]


def test_trailing_carets_are_dropped():
    attributes = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B^^"}]}}
    assert decode_native(encode_native(attributes)) == {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}}


def test_one_creator_with_two_blocks_keeps_both_elements():
    attributes = {
        "00090010": {"vr": "LO", "Value": ["ME"]},
        "00090011": {"vr": "LO", "Value": ["ME"]},
        "00091001": {"vr": "LO", "Value": ["a"]},
        "00091101": {"vr": "LO", "Value": ["b"]},
    }
    assert decode_native(encode_native(attributes)) == attributes


def test_private_elements_with_a_block_number_keep_it_if_it_is_free():
    xml = document(
        '<DicomAttribute tag="00091501" vr="LO" privateCreator="A"><Value number="1">a</Value></DicomAttribute>'
        '<DicomAttribute tag="00091601" vr="LO"><Value number="1">nobody</Value></DicomAttribute>'
        '<DicomAttribute tag="00091602" vr="LO" privateCreator="B"><Value number="1">b</Value></DicomAttribute>'
    )
    assert decode_native(xml) == {
        "00090015": {"vr": "LO", "Value": ["A"]},
        "00091501": {"vr": "LO", "Value": ["a"]},
        "00091601": {"vr": "LO", "Value": ["nobody"]},
        "00090010": {"vr": "LO", "Value": ["B"]},
        "00091002": {"vr": "LO", "Value": ["b"]},
    }


def test_creator_elements_that_are_sent_are_used():
    xml = document(
        '<DicomAttribute tag="00090020" vr="LO"><Value number="1">A</Value></DicomAttribute>'
        '<DicomAttribute tag="00092001" vr="LO" privateCreator="A"/>'
    )
    assert decode_native(xml) == {"00090020": {"vr": "LO", "Value": ["A"]}, "00092001": {"vr": "LO"}}


def test_a_group_without_a_free_block_is_refused():
    blocks = "".join(f'<DicomAttribute tag="00090001" vr="LO" privateCreator="C{i}"/>' for i in range(240))
    assert len(decode_native(document(blocks))) == 480
    with pytest.raises(DicomError, match="no free block"):
        decode_native(document(blocks + '<DicomAttribute tag="00090001" vr="LO" privateCreator="one more"/>'))


@pytest.mark.parametrize(
    ("content", "attributes"),
    [
        (
            '<DicomAttribute Tag="0008001a" VR="UI" Keyword="x"><Value number="1">1.2</Value></DicomAttribute>',
            {"0008001A": {"vr": "UI", "Value": ["1.2"]}},
        ),
        (
            '<DicomAttribute tag="00080060"><Value>CT</Value></DicomAttribute>',
            {"00080060": {"vr": "CS", "Value": ["CT"]}},
        ),
        ('<DicomAttribute keyword="Modality" vr="CS"/>', {"00080060": {"vr": "CS"}}),
        (
            (
                '<DicomAttribute tag="00080008" vr="CS"><Value number="2">B</Value>'
                '<Value number="1">A</Value></DicomAttribute>'
            ),
            {"00080008": {"vr": "CS", "Value": ["A", "B"]}},
        ),
        (
            '<DicomAttribute tag="7FE00010" vr="OW"><BulkData uuid="1234"/></DicomAttribute>',
            {"7FE00010": {"vr": "OW", "BulkDataURI": "1234"}},
        ),
        (
            '<DicomAttribute tag="7FE00010" vr="OW"><BulkData> http://host/x </BulkData></DicomAttribute>',
            {"7FE00010": {"vr": "OW", "BulkDataURI": "http://host/x"}},
        ),
        (
            '<DicomAttribute tag="7FE00010" vr="OW"><Value number="1">http://host/x</Value></DicomAttribute>',
            {"7FE00010": {"vr": "OW", "BulkDataURI": "http://host/x"}},
        ),
        (
            '<DicomAttribute tag="00280010" vr="US"><Value number="1"> 512 </Value></DicomAttribute>',
            {"00280010": {"vr": "US", "Value": [512]}},
        ),
        ("\n  <!-- nothing --> <?pi x?>\n", {}),
    ],
)
def test_tolerated_forms(content, attributes):
    assert decode_native(document(content)) == attributes


def test_document_without_namespace_and_in_utf_16_is_read():
    head = '<?xml version="1.0" encoding="UTF-16"?>'
    xml = f'{head}<NativeDicomModel><DicomAttribute tag="00080060" vr="CS"/></NativeDicomModel>'
    assert decode_native(xml.encode("utf-16")) == {"00080060": {"vr": "CS"}}


@pytest.mark.parametrize(
    "content",
    [
        '<Value number="1">x</Value>',
        '<DicomAttribute vr="CS"/>',
        '<DicomAttribute tag="xyz" vr="CS"/>',
        '<DicomAttribute tag="00080060" vr="QQ"/>',
        '<DicomAttribute tag="00080060" vr="CS"/><DicomAttribute tag="00080060" vr="CS"/>',
        (
            '<DicomAttribute tag="00080060" vr="CS"><Value number="1">A</Value>'
            '<Value number="1">B</Value></DicomAttribute>'
        ),
        '<DicomAttribute tag="00080060" vr="CS"><Value number="0">A</Value></DicomAttribute>',
        '<DicomAttribute tag="00080060" vr="CS"><Value number="1000000000">A</Value></DicomAttribute>',
        '<DicomAttribute tag="00080060" vr="CS"><Value number="3">A</Value></DicomAttribute>',
        '<DicomAttribute tag="00080060" vr="CS"><Value number="-1">A</Value></DicomAttribute>',
        '<DicomAttribute tag="00080060" vr="CS"><Item number="1"/></DicomAttribute>',
        '<DicomAttribute tag="00081115" vr="SQ"><Value number="1">A</Value></DicomAttribute>',
        '<DicomAttribute tag="00100010" vr="PN"><Value number="1">A</Value></DicomAttribute>',
        '<DicomAttribute tag="00080060" vr="CS"><Value number="1"><b>x</b></Value></DicomAttribute>',
        '<DicomAttribute tag="00280010" vr="US"><Value number="1">x</Value></DicomAttribute>',
        '<DicomAttribute tag="00280010" vr="US"><Value number="1">70000</Value></DicomAttribute>',
        '<DicomAttribute tag="00189074" vr="FD"><Value number="1">NaN</Value></DicomAttribute>',
        '<DicomAttribute tag="00282000" vr="OB"><InlineBinary>A!</InlineBinary></DicomAttribute>',
        '<DicomAttribute tag="00282000" vr="OB"><InlineBinary>AA==</InlineBinary><BulkData uri="x"/></DicomAttribute>',
        '<x:DicomAttribute xmlns:x="urn:other" tag="00080060" vr="CS"/>',
    ],
)
def test_wrong_documents_are_refused(content):
    with pytest.raises(DicomError) as caught:
        decode_native(document(content))
    assert caught.value.section


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<NativeDicomModel>",
        b"<other/>",
        document("<DicomAttribute>")[:-3],
        b'<?xml version="1.0" encoding="klingon"?><NativeDicomModel/>',
        document("\xff").decode().encode("latin_1"),
        document("<DicomAttribute tag='00080060' vr='CS'><Value number='1'>&nbsp;</Value></DicomAttribute>"),
    ],
)
def test_what_is_no_native_model_is_refused(xml):
    with pytest.raises(DicomError):
        decode_native(xml)


@pytest.mark.parametrize(
    "subset",
    [
        '[<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]',
        '[<!ENTITY x SYSTEM "file:///etc/hostname">]',
        'SYSTEM "http://127.0.0.1:9/x.dtd"',
        "",
    ],
)
def test_document_types_are_refused(subset):
    xml = f"<!DOCTYPE NativeDicomModel {subset}><NativeDicomModel/>".encode()
    with pytest.raises(DicomError, match="document type"):
        decode_native(xml)


def test_nesting_has_a_limit():
    def nested(depth):
        return '<DicomAttribute tag="00081115" vr="SQ"><Item number="1">' * depth + "</Item></DicomAttribute>" * depth

    deepest = decode_native(document(nested(MAX_DEPTH)))
    assert decode_native(encode_native(deepest)) == deepest
    with pytest.raises(DicomError, match="nested"):
        decode_native(document(nested(MAX_DEPTH + 1)))
