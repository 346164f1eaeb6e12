// Package gatetest is for tests: a whole authority in memory, founded by the same code that founds a real one, with a clock that the
// test moves, identifiers in sequence, and three people who may act.
//
//	w := gatetest.New(t)
//	account := w.MustAccount("acme")
//	device := w.MustDevice(account, "prod-1", gate.Production)
//	contract := w.MustContract(account)
//	w.MustCertify(contract, device)
//	credential := w.MustEnroll(device)
//	d := w.Check(credential.Request("GET", "/fhir/Patient/1"))
//
// Nothing is faked: records come about through the transitions that staff and customers make, so what a test begins with is a state
// that there can be. A Must helper fails the test where its step fails.
package gatetest
