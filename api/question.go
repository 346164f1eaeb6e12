package api

import (
	"net/http"

	"github.com/onerecord/certgate/gate"
)

// QuestionList is one version of the list that customers are asked. A version that was asked never changes.
type QuestionList struct {
	Version   int             `json:"version"`
	Current   bool            `json:"current"` // new cases are asked this one
	Questions []gate.Question `json:"questions"`
}

// listQuestions lists all versions, the first one first.
func listQuestions(x *exchange) error {
	if _, err := x.query(); err != nil {
		return err
	}
	page := Page[QuestionList]{Items: []QuestionList{}}
	for version := 1; version <= gate.QuestionsVersion; version++ {
		page.Items = append(page.Items, QuestionList{Version: version, Current: version == gate.QuestionsVersion, Questions: gate.Questions(version)})
	}
	return x.json(http.StatusOK, page)
}
