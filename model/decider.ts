/**
 * The shape of every decider: `decide` says what happens because of a command, `evolve` says what that makes of the state.
 * Both are pure: no clock, no random, no I/O; time and ids come in with the command, so a replay decides the same.
 */
import type { Result } from './result.ts'

export type Decider<Command, State, Event, Refusal = string> = {
  initialState: State
  /** What happened, or why nothing may. No events: the command changes nothing here (seen before, late, already so). */
  decide: (state: State, command: Command) => Result<readonly Event[], Refusal>
  /** Never refuses: an event has happened. */
  evolve: (state: State, event: Event) => State
}
