/**
 * Patterns that people write (`logPattern` of a rule) must not hold the stage up for ever: `(a+)+$` on a line of 40 letters would.
 * Node's own engine then goes over to one whose time grows with the line (V8, experimental-regexp-engine), for the whole process;
 * what that one cannot do, lookaround and backreferences, rule files may not use (`model/rule-form.ts`).
 */
import { setFlagsFromString } from 'node:v8'

/** Repeats safely. Before the first pattern is made: those that were made earlier stay as they are. */
export const boundPatternTime = (): void => setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
