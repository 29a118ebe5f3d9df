package main

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// questionText is vCenter's when a guest has locked its CD-ROM.
const questionText = "msg.cdromdisconnect.locked:The guest operating system has locked the CD-ROM door and is probably using the CD-ROM, " +
	"which can prevent the guest from recognizing media changes. Disconnect anyway and override the lock?"

// questionID is what stands before the colon of "msg.some.thing:text", as the server writes it.
func questionID(text string) string {
	if id, _, ok := strings.Cut(text, ":"); ok && strings.HasPrefix(id, "msg.") {
		return id
	}
	return "msg.lab.question"
}

// ask sets runtime.question and waits for AnswerVM. "no" and "cancel" are the failure of what asked.
func (m *machine) ask(text string) error {
	if text == "" {
		text = questionText
	}
	answer := make(chan string, 1)
	m.mu.Lock()
	m.snapshot++ // any number that is new
	m.pending, m.answer = fmt.Sprintf("%d", 1000+m.snapshot), answer
	id := m.pending
	m.mu.Unlock()
	choice := func(key, label string) types.BaseElementDescription {
		return &types.ElementDescription{Description: types.Description{Label: label, Summary: label}, Key: key}
	}
	yes, no := "button.yes", "button.no"
	if questionID(text) == "msg.uuid.altered" {
		yes, no = "button.uuid.copiedTheVM", "button.uuid.cancel"
	}
	m.setQuestion(&types.VirtualMachineQuestionInfo{
		Id: id, Text: text,
		Choice: types.ChoiceOption{
			ChoiceInfo:   []types.BaseElementDescription{choice("0", yes), choice("1", no)},
			DefaultIndex: 1,
		},
		Message: []types.VirtualMachineMessage{{Id: questionID(text), Text: text}},
	})
	key, ok := <-answer
	m.setQuestion(nil)
	if !ok || key != "0" {
		return faultf(&types.GenericVmConfigFault{Reason: "the operation was cancelled by the answer to a question"}, "The operation was cancelled by the answer to a question.")
	}
	return nil
}

func (m *machine) setQuestion(q *types.VirtualMachineQuestionInfo) {
	m.change(func(vm *mo.VirtualMachine) {
		vm.Runtime.Question = q
		vm.Summary.Runtime = vm.Runtime
	}, "runtime.question", "summary.runtime.question")
}

// dismiss answers a pending question with no.
func (m *machine) dismiss() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answer != nil {
		close(m.answer)
		m.answer = nil
	}
}

func answerVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	req := c.method.Body.(*types.AnswerVM)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answer == nil || req.QuestionId != m.pending || (req.AnswerChoice != "0" && req.AnswerChoice != "1") {
		return nil, invalidArgument("questionId")
	}
	m.answer <- req.AnswerChoice
	m.answer = nil
	return &types.AnswerVMResponse{}, nil
}
