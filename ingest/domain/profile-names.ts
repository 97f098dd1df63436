/** The payload profiles that `topics.yaml` may name; `payloads/profiles.ts` has one reader for each. */
export const profileNames = [
  'generic',
  'loadavg',
  'cpu',
  'memory',
  'radio',
  'temperature',
  'storage',
  'ipv4',
  'interfaces',
  'probe',
  'wan',
  'modem',
  'firmware',
  'info',
  'boot',
  'log',
  'dmesg',
  'status',
  'place',
  'task-event',
] as const

export type ProfileName = (typeof profileNames)[number]
