/** Every payload profile by the name that `topics.yaml` gives it. */
import type { Profile } from '../profile.ts'
import type { ProfileName } from '../profile-names.ts'
import { boot } from './boot.ts'
import { cpu } from './cpu.ts'
import { firmware, info, modem, wan } from './device-facts.ts'
import { generic } from './generic.ts'
import { interfaces } from './interfaces.ts'
import { loadavg } from './loadavg.ts'
import { dmesg, log } from './log.ts'
import { memory } from './memory.ts'
import { place } from './place.ts'
import { status } from './presence.ts'
import { probe } from './probe.ts'
import { radio } from './radio.ts'
import { storage } from './storage.ts'
import { taskEvent } from './task-event.ts'
import { temperature } from './temperature.ts'

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  generic,
  loadavg,
  cpu,
  memory,
  radio,
  temperature,
  storage,
  ipv4: interfaces,
  interfaces,
  probe,
  wan,
  modem,
  firmware,
  info,
  boot,
  log,
  dmesg,
  status,
  place,
  'task-event': taskEvent,
}
