/** How topics are shown where they stand for many: identities become `+`, and what cannot be printed becomes visible. */
import { parseMac } from './mac.ts'

const shapeLevelsMax = 12
const shapeCharsMax = 300

/** For topics that no family matched: levels that look like an identity become `+`. */
export const guessedShape = (topic: string): string => {
  const levels = topic.slice(0, 4 * shapeCharsMax).split('/')
  const shown = levels.slice(0, shapeLevelsMax).map((level) => (looksLikeIdentity(level) ? '+' : level))
  if (levels.length > shapeLevelsMax) shown.push('#')
  return printable(shown.join('/').slice(0, shapeCharsMax))
}

const looksLikeIdentity = (level: string): boolean =>
  parseMac(level) !== null || /\d{5}/.test(level) || /^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(level) || /^[0-9a-f]{16,}$/i.test(level)

// biome-ignore lint: control characters are what this looks for
const unprintable = /[\u0000-\u001f\u007f-\u009f]/
const eachUnprintable = /[\u0000-\u001f\u007f-\u009f]/g

/** Control characters as `\x00`, so that a topic never breaks a row, a line or a label. */
export const printable = (text: string): string =>
  unprintable.test(text)
    ? text.replace(eachUnprintable, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`).toWellFormed()
    : text.toWellFormed()
