package githubtest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"time"
)

// A workflow is a file under .github/workflows, and its runs.
type workflow struct {
	id         int
	name, path string
	disabled   bool
	created    time.Time
}

// A workflowRun is one run of a workflow, of which each job has a check run's id.
type workflowRun struct {
	id, number, attempt int
	workflow            *workflow
	title, branch, sha  string
	event               string
	status, conclusion  string // no conclusion: not over
	actor               *account
	created             time.Time
	jobs                []*job
	artifacts           []*artifact
}

type job struct {
	id                       int
	name, status, conclusion string
	steps                    []string
	created                  time.Time
}

type artifact struct {
	id      int
	name    string
	content []byte // a zip
	created time.Time
}

// AddWorkflow commits a workflow to main, as .github/workflows/FILE.
func (s *Server) AddWorkflow(fullName, file, name string) {
	path := ".github/workflows/" + file
	s.WriteFile(fullName, path, "name: "+name+"\non: [push, workflow_dispatch]\njobs: {}\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	r.workflows = append(r.workflows, &workflow{id: s.id(), name: name, path: path, created: s.tick()})
}

// AddRun adds a run of a workflow on the head of main, of one job for each of the names. It is
// over with this conclusion, as its last job is, and the others with success. It
// returns the run's id.
func (s *Server) AddRun(fullName, file, conclusion string, jobs ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	w := r.workflow(file)
	if w == nil {
		panic("githubtest: no workflow " + file + " in " + fullName)
	}
	run := s.addRun(r, w, r.owner, "push", "main")
	run.status, run.conclusion = "completed", conclusion
	for i, name := range jobs {
		k := &checkRun{id: s.id(), sha: run.sha, name: name, status: "completed", conclusion: "success", title: name, created: s.tick()}
		if i == len(jobs)-1 {
			k.conclusion = conclusion
		}
		r.checks = append(r.checks, k)
		run.jobs = append(run.jobs, &job{id: k.id, name: name, status: k.status, conclusion: k.conclusion, steps: []string{"Set up job", "Run " + name}, created: k.created})
	}
	return run.id
}

// AddArtifact adds an artifact of one file to a run.
func (s *Server) AddArtifact(fullName string, run int, name, file, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.mustRepo(fullName).run(itoa(run))
	if found == nil {
		panic(fmt.Sprintf("githubtest: no run %d in %s", run, fullName))
	}
	found.artifacts = append(found.artifacts, &artifact{id: s.id(), name: name, content: zipped(map[string]string{file: content}, []string{file}), created: s.tick()})
}

func (s *Server) addRun(r *repo, w *workflow, actor *account, event, branch string) *workflowRun {
	sha, _ := s.sha(r, branch)
	run := &workflowRun{id: s.id(), number: len(r.runs) + 1, attempt: 1, workflow: w, title: "Run " + w.name, branch: branch, sha: sha,
		event: event, status: "queued", actor: actor, created: s.tick()}
	r.runs = append(r.runs, run)
	return run
}

// workflow finds one by its id or its file's name.
func (r *repo) workflow(name string) *workflow {
	for _, w := range r.workflows {
		if itoa(w.id) == name || w.path == ".github/workflows/"+name {
			return w
		}
	}
	return nil
}

func (r *repo) run(id string) *workflowRun {
	for _, run := range r.runs {
		if itoa(run.id) == id {
			return run
		}
	}
	return nil
}

// log is what a step of a job wrote, with the time before each line as GitHub has it.
func (j *job) log(step string) string {
	at := j.created.UTC().Format("2006-01-02T15:04:05.0000000Z")
	text := fmt.Sprintf("%s ##[group]%s\n%s %s\n", at, step, at, j.name)
	if j.conclusion == "failure" {
		text += at + " ##[error]Process completed with exit code 1.\n"
	}
	return text
}

// logs is the zip of a run's logs: JOB/N_STEP.txt.
func (run *workflowRun) logs() []byte {
	files, names := map[string]string{}, []string{}
	for _, j := range run.jobs {
		for i, step := range j.steps {
			name := fmt.Sprintf("%s/%d_%s.txt", j.name, i+1, step)
			files[name], names = j.log(step), append(names, name)
		}
	}
	return zipped(files, names)
}

func zipped(files map[string]string, order []string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range order {
		file, err := w.Create(name)
		if err == nil {
			_, err = file.Write([]byte(files[name]))
		}
		if err != nil {
			panic("githubtest: " + err.Error()) // a buffer takes all
		}
	}
	if err := w.Close(); err != nil {
		panic("githubtest: " + err.Error())
	}
	return b.Bytes()
}
