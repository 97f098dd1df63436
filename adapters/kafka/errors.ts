/** What a broker's answer means for us: asked by protocol name, whichever client told it. */
import { findErrorBy } from '@platformatic/kafka'
import { AppError } from '../../runtime/errors.ts'

/** The member is no longer the one the group gave the partition to: what it holds must not be written. */
const fencing = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID'] as const

export const says = (error: unknown, name: string): boolean => findErrorBy(error as Error, 'apiId', name) !== null

export const isFencing = (error: unknown): boolean => fencing.some((name) => says(error, name))

/** The log cannot be reached, or answered what it should not: the same call may succeed later. */
export const unavailable = (doing: string, cause: unknown): AppError =>
  cause instanceof AppError ? cause : new AppError('LOG_UNAVAILABLE', `${doing}: ${deepestMessage(cause)}`, { cause })

const deepestMessage = (error: unknown): string => {
  const { message, errors, cause } = error as { message?: string; errors?: unknown[]; cause?: unknown }
  const last = errors?.at(-1) ?? cause
  return last === undefined || last === null ? (message ?? String(error)) : `${message ?? ''} ${deepestMessage(last)}`.trim()
}
