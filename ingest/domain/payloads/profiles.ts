/** Every payload profile by the name that `topics.yaml` gives it. */
import type { Profile } from '../profile.ts'
import type { ProfileName } from '../profile-names.ts'
import { boot } from './boot.ts'
import { collectd } from './collectd.ts'
import { cpu } from './cpu.ts'
import { declared } from './declared.ts'
import { firmware, info, modem, wan } from './device-facts.ts'
import { generic } from './generic.ts'
import { interfaces } from './interfaces.ts'
import { loadavg } from './loadavg.ts'
import { dmesg, log } from './log.ts'
import { memory } from './memory.ts'
import { mmcli } from './mmcli.ts'
import { place } from './place.ts'
import { status } from './presence.ts'
import { probe } from './probe.ts'
import { quectel } from './quectel.ts'
import { radio } from './radio.ts'
import { shelly } from './shelly.ts'
import { storage } from './storage.ts'
import { taskEvent } from './task-event.ts'
import { teltonika } from './teltonika.ts'
import { temperature } from './temperature.ts'
import { ubus } from './ubus.ts'

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
  collectd,
  teltonika,
  mmcli,
  quectel,
  ubus,
  shelly,
  declared,
}
