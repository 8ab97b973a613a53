#pragma once
// Ctrl-C. The first SIGINT (or SIGTERM) sets a flag that long work looks at between its pieces; a
// second one says so and ends the process at once with exit code 130.
namespace retort {

// Installs the handler; harmless to call twice. Call it before threads are started.
void watch_interrupts();

// True after the first signal. Async-signal-safe, any thread.
bool interrupted();

// Forgets a signal (tests; a chat that goes on after Ctrl-C stopped an answer).
void clear_interrupt();

}  // namespace retort
