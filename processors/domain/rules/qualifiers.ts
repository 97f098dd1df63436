/** Which alarm of a rule something belongs to: by interface, mount point, process. */
import type { Rule } from '../../../model/rule.ts'
import { parseAttributes } from './patterns.ts'

/** Of a series: the attribute that the rule names. */
export const qualifierOf = (rule: Rule, attributes: Readonly<Record<string, string>>): string =>
  rule.qualifier === null ? '' : cut(attributes[rule.qualifier] ?? '')

export const qualifierFrom = (text: string): ((rule: Rule) => string) => {
  const attributes = parseAttributes(text)
  return (rule) => qualifierOf(rule, attributes)
}

/** `dnsmasq[812]: segfault at 0`, `Instance dnsmasq::instance1 s in a crash loop 6 crashes`; else who wrote the line. */
const crashed =
  /(?:^|\s)([\w./-]{1,60})\[\d+\]: segfault at|sending SIGSEGV to ([\w./-]{1,60})|Instance ([\w.-]{1,60})::\S+ (?:\S+ )?s in a crash loop/

export const processOf = (message: string, program: string | null): string => {
  const [, segfault, signalled, instance] = crashed.exec(message.slice(0, 1_000)) ?? []
  return cut(segfault ?? signalled ?? instance ?? program ?? '')
}

const charsMax = 100
const cut = (text: string): string => text.slice(0, charsMax)
