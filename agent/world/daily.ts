/** How busy a place is by local time: 24 hourly levels, joined by straight lines. Traffic, load and cells follow it. */

export const activityKinds = ['home', 'office', 'machine', 'vehicle', 'network'] as const
export type ActivityKind = (typeof activityKinds)[number]

const hours: Readonly<Record<ActivityKind, readonly number[]>> = {
  home: [0.3, 0.15, 0.08, 0.06, 0.06, 0.08, 0.15, 0.3, 0.3, 0.28, 0.28, 0.3, 0.35, 0.35, 0.35, 0.4, 0.5, 0.6, 0.75, 0.9, 1, 0.98, 0.85, 0.55],
  office: [0.06, 0.05, 0.05, 0.05, 0.05, 0.08, 0.2, 0.5, 0.85, 0.95, 1, 0.95, 0.75, 0.9, 0.95, 0.9, 0.75, 0.5, 0.3, 0.2, 0.15, 0.12, 0.1, 0.08],
  machine: [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.52, 0.55, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.58, 0.55, 0.52, 0.5, 0.5, 0.5, 0.5, 0.5],
  vehicle: [0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 0.7, 0.95, 1, 0.9, 0.85, 0.85, 0.8, 0.85, 0.9, 0.95, 1, 0.9, 0.6, 0.35, 0.2, 0.15, 0.1, 0.08],
  network: [0.35, 0.25, 0.2, 0.18, 0.18, 0.2, 0.3, 0.45, 0.6, 0.65, 0.7, 0.72, 0.72, 0.72, 0.75, 0.78, 0.82, 0.88, 0.95, 1, 0.98, 0.9, 0.7, 0.5],
} // biome-ignore format: one line per kind

const weekendShare: Readonly<Record<ActivityKind, number>> = { home: 1.1, office: 0.2, machine: 1, vehicle: 0.4, network: 0.9 }

/** 0..1.1. `utcOffsetMs` makes the time local; a day is 24 h, scenarios have no daylight saving. */
export const activityAt = (kind: ActivityKind, atMs: number, utcOffsetMs: number): number => {
  const localMs = atMs + utcOffsetMs
  const hour = (localMs % 86_400_000) / 3_600_000
  const whole = Math.floor(hour)
  const table = hours[kind]
  const from = table[whole] ?? 0
  const to = table[(whole + 1) % 24] ?? 0
  const weekday = (Math.floor(localMs / 86_400_000) + 4) % 7 // The epoch was a Thursday; Sunday is 0.
  const level = from + (to - from) * (hour - whole)
  return weekday === 0 || weekday === 6 ? level * weekendShare[kind] : level
}
