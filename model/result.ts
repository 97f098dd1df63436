/** Bad input is a value: a parser answers with what it made, or with a reason that says what was expected and what came. */
export type Result<T, R = string> = { ok: true; value: T } | { ok: false; reason: R }
