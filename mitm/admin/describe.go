package admin

import (
	"bytes"
	"strings"
)

// A describer puts into metrics what the metrics library leaves out: what each family is
// about, and a counter's type where the library calls it a gauge. What it leaves out again
// are families of the Go runtime whose names Prometheus' own linter turns away and which
// no operator asks for.
type describer struct {
	help map[string]string // by family; "" for families that are left out
}

func newDescriber() describer {
	d := describer{help: map[string]string{}}
	for line := range strings.Lines(helpTexts) {
		family, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		d.help[family] = text
	}
	return d
}

// describe returns metrics in Prometheus' text format with the texts of their families.
// The library writes "# HELP family", with no text, before each.
func (d describer) describe(metrics []byte) []byte {
	out := bytes.NewBuffer(make([]byte, 0, len(metrics)+len(helpTexts)))
	leftOut := false
	for line := range bytes.Lines(metrics) {
		if rest, found := bytes.CutPrefix(line, []byte("# HELP ")); found {
			family := string(bytes.TrimSpace(rest))
			text, known := d.help[family]
			if leftOut = known && text == ""; !leftOut && known {
				out.WriteString("# HELP " + family + " " + text + "\n")
			}
			continue
		}
		if leftOut {
			continue
		}
		if bytes.HasPrefix(line, []byte("# TYPE process_io_")) {
			line = bytes.Replace(line, []byte("_total gauge"), []byte("_total counter"), 1)
		}
		out.Write(line)
	}
	return out.Bytes()
}

// helpTexts has a line for each family: its name, then what it is, or nothing for one that
// is left out.
const helpTexts = `octopool_minted_tokens Tokens that were minted since the start, here and not by their holders.
octopool_minted_tokens_revoked Minted tokens that are remembered as revoked.
octopool_requests_total Requests that have been answered, by how.
octopool_request_duration_seconds From a request's header to the last byte of its answer.
octopool_route_requests_total Requests that have been answered, by GitHub's own path template.
octopool_route_points_spent_total Points of GitHub's rate limit that were spent on a route.
octopool_route_points_saved_total Points that a route's requests would have cost without octopool.
octopool_github_requests_total Requests sent to GitHub, by the credential they were sent with.
octopool_github_request_duration_seconds From a request to GitHub to the header of its answer.
octopool_points_spent_total Points of GitHub's rate limit that were spent for a client.
octopool_points_saved_total Points that a client's requests would have cost without octopool.
octopool_budget_limit What a credential's principal may spend on a resource until its reset, in points.
octopool_budget_remaining What is left of that, in points.
octopool_budget_reset_seconds Until the budget is whole again.
octopool_credential_up Whether GitHub takes the credential.
octopool_credential_info Pool, GitHub, kind and principal of a credential; always 1.
octopool_credential_in_flight Requests of the credential's principal that are on their way to GitHub.
octopool_client_allowance_limit What octopool lets a client spend in an hour, in points.
octopool_client_allowance_remaining What is left of that, in points.
octopool_client_allowance_reset_seconds Until the allowance is whole again.
octopool_client_requests_in_flight A client's requests that are on their way to GitHub.
octopool_client_requests_waiting A client's requests that wait for a place within a limit.
octopool_refused_total Requests that octopool answered with an error of its own, by why.
octopool_would_refuse_total Requests that were let through although their client's scopes do not name them, by why.
octopool_oidc_tokens_total Tokens of OpenID Connect issuers that were read, by what came of it; one that was seen before is not read again.
octopool_oidc_key_fetches_total Questions to an issuer for its keys.
octopool_oidc_keys_age_seconds Since an issuer has last told its keys.
octopool_limited_total Times that a client met a limit on what anybody can take of octopool, by which.
octopool_formula_total ETags that were what octopool had computed, and that were not.
octopool_store_entries Stored answers.
octopool_store_bytes Size of the stored answers.
octopool_store_errors_total What the store could not read or write.
octopool_store_evictions_total Stored answers that had to make room.
octopool_tunnels_active Tunnels to hosts that are not intercepted, open now.
octopool_tunnel_bytes_total Bytes passed on unread; sent is to the host.
octopool_connections_active Connections of clients that are open, by who serves them.
octopool_config_last_reload_successful Whether the configuration that was read last is the one in use.
octopool_config_last_reload_success_timestamp_seconds When the configuration in use was read, in seconds since 1970.
octopool_audit_errors_total Lines that could not be written to the audit file.
octopool_ca_expiry_timestamp_seconds When the CA's root or intermediate ends, whichever is first, in seconds since 1970.
go_cgo_calls_count
go_cpu_count
go_gc_forced_count
go_gc_cpu_seconds_total CPU time of the garbage collector.
go_gc_duration_seconds Pauses for the garbage collector.
go_gc_mark_assist_cpu_seconds_total CPU time that goroutines spent on helping the garbage collector.
go_gc_pauses_seconds Pauses for the garbage collector, as a histogram.
go_gomaxprocs Threads that may run Go code at once.
go_goroutines Goroutines.
go_info Version of Go; always 1.
go_info_ext What the program was compiled with and for; always 1.
go_memlimit_bytes GOMEMLIMIT.
go_memstats_alloc_bytes Heap in use.
go_memstats_alloc_bytes_total Heap that was ever taken.
go_memstats_buck_hash_sys_bytes Memory of profiling.
go_memstats_frees_total Heap objects freed.
go_memstats_gc_cpu_fraction Share of the CPU time that went into garbage collection since start.
go_memstats_gc_sys_bytes Memory of the garbage collector.
go_memstats_heap_alloc_bytes Heap in use.
go_memstats_heap_idle_bytes Heap spans not in use.
go_memstats_heap_inuse_bytes Heap spans in use.
go_memstats_heap_objects Heap objects.
go_memstats_heap_released_bytes Heap returned to the system.
go_memstats_heap_sys_bytes Heap taken from the system.
go_memstats_last_gc_time_seconds When the garbage collector last ended, in seconds since 1970.
go_memstats_lookups_total Pointer lookups of the runtime.
go_memstats_mallocs_total Heap objects made.
go_memstats_mcache_inuse_bytes mcache structures in use.
go_memstats_mcache_sys_bytes mcache structures taken from the system.
go_memstats_mspan_inuse_bytes mspan structures in use.
go_memstats_mspan_sys_bytes mspan structures taken from the system.
go_memstats_next_gc_bytes Heap size at which the garbage collector runs next.
go_memstats_other_sys_bytes Other memory of the runtime.
go_memstats_stack_inuse_bytes Stacks in use.
go_memstats_stack_sys_bytes Stacks taken from the system.
go_memstats_sys_bytes Memory taken from the system.
go_mutex_wait_seconds_total Time that goroutines waited for locks.
go_sched_latencies_seconds Time that goroutines waited for a thread.
go_scavenge_cpu_seconds_total CPU time of returning memory to the system.
go_threads Threads of the system.
process_cpu_seconds_system_total CPU time in the kernel.
process_cpu_seconds_total CPU time.
process_cpu_seconds_user_total CPU time outside the kernel.
process_io_read_bytes_total Bytes read, from files and connections.
process_io_read_syscalls_total Calls that read.
process_io_storage_read_bytes_total Bytes read from disks.
process_io_storage_written_bytes_total Bytes written to disks.
process_io_write_syscalls_total Calls that write.
process_io_written_bytes_total Bytes written, to files and connections.
process_major_pagefaults_total Page faults that went to a disk.
process_max_fds Open files that there may be.
process_minor_pagefaults_total Page faults that did not go to a disk.
process_num_threads Threads.
process_open_fds Open files.
process_pressure_cpu_stalled_seconds_total Time in which all of the container waited for a CPU.
process_pressure_cpu_waiting_seconds_total Time in which some of the container waited for a CPU.
process_pressure_io_stalled_seconds_total Time in which all of the container waited for disks.
process_pressure_io_waiting_seconds_total Time in which some of the container waited for disks.
process_pressure_memory_stalled_seconds_total Time in which all of the container waited for memory.
process_pressure_memory_waiting_seconds_total Time in which some of the container waited for memory.
process_resident_memory_anon_bytes Resident memory that is no file's.
process_resident_memory_bytes Resident memory.
process_resident_memory_file_bytes Resident memory that is a file's.
process_resident_memory_peak_bytes The most resident memory so far.
process_resident_memory_shared_bytes Resident memory that is shared.
process_start_time_seconds When the process started, in seconds since 1970.
process_virtual_memory_bytes Virtual memory.
process_virtual_memory_peak_bytes The most virtual memory so far.
`
