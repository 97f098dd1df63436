/** One device of a plan: who and where it is, and what will happen to it. */
import type { Step } from './actions.ts'
import type { ActivityKind } from './daily.ts'
import type { ModelName, RouterModel } from './models.ts'
import type { Place, RadioCell } from './network.ts'

export const deviceClasses = ['critical', 'business', 'home'] as const

export type PlannedDevice = {
  index: number
  mac: string
  serial: string
  modelName: ModelName
  model: RouterModel
  firmware: string
  group: string
  deviceClass: (typeof deviceClasses)[number]
  activity: ActivityKind
  siteId: string
  place: Place
  /** Of its place; vehicles leave it. Undefined where nothing is heard. */
  usualCell: RadioCell | undefined
  hasBackup: boolean
  counters32: boolean
  noClock: boolean
  utcOffsetMs: number
  steps: Step[]
}
