def test_probe(searchable):
    print(len(searchable.rows("/studies")), len(searchable.library.studies))
    print(searchable.found("/studies"))
    print(searchable.found("/studies?StudyDate=20060705-20060707&StudyTime=1000-1800"))
    print(searchable.get("{multi}/series").body)
    print(searchable.get("{multi/ct}/instances").body)
    print(searchable.get("/instances?PatientID=1CT1").body)
