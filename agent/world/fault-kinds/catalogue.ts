/** Every kind of fault by the name that scenario files use. docs/guides/simulate.md has a table of them (test). */
import { powerKinds } from './power.ts'
import { radioKinds } from './radio.ts'
import { systemKinds } from './system.ts'
import { timeKinds } from './time.ts'
import { wanKinds } from './wan.ts'

export const faultKinds = { ...powerKinds, ...systemKinds, ...wanKinds, ...radioKinds, ...timeKinds } as const
export type FaultName = keyof typeof faultKinds
export const faultNames = Object.keys(faultKinds) as [FaultName, ...FaultName[]]
