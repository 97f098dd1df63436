/** Device ids as people write them: any common writing of a MAC address, canonical `00-11-22-33-44-55`. */
import { ProblemError } from './problems.ts'

const writings = [/^([0-9a-f]{2}[-:. _]?){5}[0-9a-f]{2}$/, /^([0-9a-f]{4}[.:-]){2}[0-9a-f]{4}$/]

/** 00:11:22:33:44:55, 0011.2233.4455, 001122334455, 00-11-22-33-44-55, in either case. */
export const parseDeviceId = (text: string): string => {
  const lower = text.trim().toLowerCase()
  if (!writings.some((writing) => writing.test(lower))) {
    throw new ProblemError(
      'DEVICE_ID_INVALID',
      `Expected a MAC address like 00-11-22-33-44-55 or 0011.2233.4455, got ${JSON.stringify(text.slice(0, 60))}.`,
    )
  }
  return (macDigits(lower).match(/../g) ?? []).join('-')
}

/** The hex digits of a part of a MAC in any writing, for search; '' when the text cannot be one. */
export const macDigits = (text: string): string => {
  const digits = text
    .trim()
    .toLowerCase()
    .replace(/[-:. _]/g, '')
  return /^[0-9a-f]{2,12}$/.test(digits) ? digits : ''
}

/** A canonical id, and no group or place. */
export const isDeviceId = (subject: string): boolean => /^([0-9a-f]{2}-){5}[0-9a-f]{2}$/.test(subject)

/** Of a filter: a device in any common writing of its MAC, else a group or part of the recorder as it is named. */
export const subjectOf = (text: string): string => (/^[0-9a-f:.-]{12,17}$/i.test(text) ? parseDeviceId(text) : text)
