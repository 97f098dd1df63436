/** The rules of a partition, as the log has put them in force; none until it has. */
import type { RuleActivatedBody } from '../../../model/event.ts'
import type { RuleSet } from '../../../model/rule.ts'
import { createRuleBook, type RuleBook } from '../rules/compile.ts'
import type { RuleBookState } from '../state.ts'

export type RulesInForce = {
  book: RuleBook | null
  stored: RuleBookState | null
  /** Since the last `finish`. */
  isChanged: boolean
}

export const openRules = (stored: RuleBookState | null): RulesInForce => ({
  book: stored === null ? null : bookOf(stored.ruleSet),
  stored,
  isChanged: false,
})

/** The same rules again, as at each start of the recorder, change nothing. Throws on a text that is no rule set. */
export const activate = (rules: RulesInForce, { version, ruleSet }: RuleActivatedBody): void => {
  if (rules.stored?.ruleSet === ruleSet) return
  rules.book = bookOf(ruleSet)
  rules.stored = { kind: 'rule-book', version, ruleSet }
  rules.isChanged = true
}

/** Partitions of one process share a book, and its index per kind of device. */
const booksKeptMax = 4
const books = new Map<string, RuleBook>()

const bookOf = (text: string): RuleBook => {
  let book = books.get(text)
  if (book === undefined) {
    book = createRuleBook(JSON.parse(text) as RuleSet)
    const [oldest] = books.keys()
    if (books.size >= booksKeptMax && oldest !== undefined) books.delete(oldest)
    books.set(text, book)
  }
  return book
}
