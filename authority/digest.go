package authority

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onerecord/certgate/certstore"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/notify"
)

// maxDigested bounds how many things of one sort a digest names; the rest are counted.
const maxDigested = 25

// chapter is what of one sort waits for staff.
type chapter struct {
	one, many string // what the items are called
	items     []task
}

// task is one thing that waits, and the command that helps.
type task struct{ what, do string }

// tellOfTheDay is a job: on each business day it tells staff once what waits for them, if anything does. The mark that it was seen to is
// named after the day and commits with the notice, so no restart makes another, and a day on which nothing waited in the morning has none.
func (a *Authority) tellOfTheDay(now time.Time) error {
	c := a.current()
	if c == nil {
		return nil // nobody knows yet which days are business days
	}
	day, due := c.calendar.DigestDay(now)
	if !due || day == a.digested {
		return nil
	}
	done, err := a.isMarked(gate.DigestID(day))
	if err != nil {
		return fmt.Errorf("digest of %s: %w", day, err)
	}
	if !done {
		if err := a.makeDigest(day, c.calendar.Zone); err != nil {
			return fmt.Errorf("digest of %s: %w", day, err)
		}
	}
	a.digested = day
	return nil
}

// isMarked reports whether a mark with the identifier exists.
func (a *Authority) isMarked(id string) (marked bool, err error) {
	err = a.store.View(func(tx *certstore.Tx) error {
		_, err := certstore.Get[gate.Mark](tx, id)
		marked = err == nil
		if errors.Is(err, gate.NotFound) {
			return nil
		}
		return err
	})
	return marked, err
}

func (a *Authority) makeDigest(day gate.Date, zone *time.Location) error {
	agenda := agenda{Authority: a, day: day, zone: zone, now: a.moment()}
	chapters, err := agenda.chapters()
	if err != nil {
		return err
	}
	data, to := inChapters(chapters), gate.StaffRecipients(a.dir.People(), gate.Read, agenda.now)
	data.From, data.Zone = agenda.now, zone
	var n *gate.Notice
	err = a.store.Bookkeep(func(tx *certstore.Tx) (err error) {
		n = nil
		mark := gate.Mark{ID: gate.DigestID(day), At: agenda.now}
		if data.Count > 0 && len(to) > 0 {
			if n, err = a.notifyStaff(tx, gate.DigestNotice, to, data); err != nil {
				return err
			}
			mark.Object = string(n.ID)
		}
		certstore.Put(tx, &mark)
		return nil
	})
	if err == nil && n != nil {
		a.noteNotice(n.ID)
		a.outbox.wakeUp()
	}
	return err
}

// inChapters puts what waits into words.
func inChapters(chapters []chapter) (data notify.Data) {
	var titles, texts []string
	for _, c := range chapters {
		n := len(c.items)
		if n == 0 {
			continue
		}
		title := "1 " + c.one
		if n > 1 {
			title = fmt.Sprintf("%d %s", n, c.many)
		}
		lines := []string{title, ""}
		for _, item := range c.items[:min(n, maxDigested)] {
			what := strings.Join(strings.Fields(item.what), " ") // a name or an answer may hold a line break
			lines = append(lines, "- "+what, "  "+item.do)
		}
		if n > maxDigested {
			lines = append(lines, fmt.Sprintf("- and %d more", n-maxDigested))
		}
		titles, texts = append(titles, title), append(texts, strings.Join(lines, "\n"))
		data.Count += n
	}
	data.Name, data.Lines = strings.Join(titles, ", "), strings.Join(texts, "\n\n")
	return data
}
