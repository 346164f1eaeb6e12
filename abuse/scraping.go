package abuse

// ScrapingThresholds say when an account asks about so many distinct patients that it looks like a copy being made: several times what this hour
// of the week usually brings, in most of a run of hours or quarters.
type ScrapingThresholds struct {
	Guard
}

func judgeScraping(v *view, e *evidence) bool {
	return v.beyond(patients, &v.t.Scraping.Guard, e)
}
