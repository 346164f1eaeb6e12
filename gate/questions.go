package gate

import "slices"

// Question is one that every customer is asked. Its identifier never changes its meaning and is never used for another.
type Question struct {
	ID    string `json:"id"`
	Topic string `json:"topic"` // architecture, security or data handling
	Text  string `json:"text"`
}

// QuestionsVersion is the list that new cases are asked. A case keeps the one it was asked.
const QuestionsVersion = 1

// The topics of questions.
const (
	architecture = "architecture"
	security     = "security"
	dataHandling = "data handling"
)

// questionLists are all versions, the first at 0. A list that was asked is never changed: what is to be asked otherwise goes into a new one.
var questionLists = [QuestionsVersion][]Question{{
	{"data-flow", architecture, "How does data flow through the integration, and through which systems? Show a diagram."},
	{"hosting", architecture, "Where does the integration run, and which hosting providers and sub-processors take part?"},
	{"environments", architecture, "Are there separate credentials for each environment and each subsidiary?"},
	{"tls", architecture, "Which TLS stack is used, and how are client certificates renewed?"},
	{"retries", architecture, "How does the client retry and back off on 429 and 503?"},
	{"volume", architecture, "How many calls a day are expected, and how many a second at the peak?"},
	{"gateway-readiness", architecture, "Is a responding gateway in place where other participants may ask for data?"},
	{"key-storage", security, "Where are production key and private key kept, and who can read them?"},
	{"key-rotation", security, "How are key and certificate replaced, and when was that last rehearsed?"},
	{"user-authentication", security, "How are the users of the application authenticated; is a second factor required?"},
	{"audit-logs", security, "What is logged and audited, for how long, and can data about patients get into the logs?"},
	{"assessments", security, "Which penetration tests or attestations (SOC 2, HITRUST) are there, and how old are they?"},
	{"breach-contacts", security, "Who is told of a breach, by whom, and how soon?"},
	{"data-at-rest", dataHandling, "Which data about patients is stored or cached, where, for how long, and how is it encrypted?"},
	{"consent", dataHandling, "How is a patient's consent taken, and how is identity proven?"},
	{"purposes", dataHandling, "Which workflow states which purpose of use, and what is the evidence for it?"},
	{"sharing", dataHandling, "Is data passed on, sold, or used to train models?"},
	{"change-notices", dataHandling, "How does OneRecord learn of changes to the integration?"},
	{"off-boarding", dataHandling, "What is deleted when the contract ends, and how is that shown?"},
}}

// Questions is the list of a version, nil if there is none.
func Questions(version int) []Question {
	if version < 1 || version > len(questionLists) {
		return nil
	}
	return slices.Clone(questionLists[version-1])
}

// asked are the questions of the case. Cases from before there were versions are asked the first.
func (c *Certification) asked() []Question { return Questions(max(c.Questions, 1)) }

// WrittenAnswers are answers that the customer gave outside an interview.
type WrittenAnswers struct {
	Answers []Answer `json:"answers"`
	Act     Act      `json:"act"` // who wrote them down
}

// AnswerInWriting takes answers that the customer gave outside an interview. A later answer to a question takes an earlier one's place, and
// all are kept.
func (c Certification) AnswerInWriting(answers []Answer, act Act) (Certification, error) {
	if err := c.examinable(); err != nil {
		return c, err
	}
	if len(answers) == 0 {
		return c, FieldErrorf("answers", "must hold at least one answer")
	}
	if err := c.checkAnswers(answers); err != nil {
		return c, err
	}
	for i := range answers {
		if !answers[i].given() {
			return c, FieldErrorf(answerField(i), "%q has neither text nor not_applicable; leave it out until it is answered", answers[i].Question)
		}
	}
	c = c.clone()
	c.Written = append(c.Written, WrittenAnswers{Answers: answers, Act: act})
	return c, nil
}

// unanswered are the questions without an answer, a reason to leave them out, or a finding about them.
func (c *Certification) unanswered(held []*Transcript) []Question {
	answers := c.answers(held)
	since := c.since()
	return slices.DeleteFunc(c.asked(), func(q Question) bool {
		return slices.ContainsFunc(answers, func(a Answer) bool { return a.Question == q.ID && a.given() }) ||
			slices.ContainsFunc(c.Findings, func(f Finding) bool { return f.Question == q.ID && !f.Raised.At.Before(since) })
	})
}

// answers are those that count: written ones and those of the interviews.
func (c *Certification) answers(held []*Transcript) []Answer {
	var answers []Answer
	since := c.since()
	for i := range c.Written {
		if !c.Written[i].Act.At.Before(since) {
			answers = append(answers, c.Written[i].Answers...)
		}
	}
	for _, t := range held {
		answers = append(answers, t.Answers...)
	}
	return answers
}
