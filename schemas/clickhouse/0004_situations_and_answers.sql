-- Situations, and answers. Applied to a warehouse that may already hold the rows of 0001 to 0003, so each statement repeats safely.

-- What the fleet stage found about a device, and a maintenance window, are records of the log like rules: neither is received
-- from a device nor counted. Adding enum values changes no stored byte.
ALTER TABLE {db}.messages MODIFY COLUMN outcome Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5, 'stored_copy' = 6, 'command' = 7, 'rules' = 8, 'verdict' = 9, 'maintenance' = 10);

-- Why the device is offline, as far as is known: device, cell-or-sim, site-power, broker, our-bridge, firmware, planned,
-- usual-night-off, unknown; '' on rows of before, and where the device is not offline. A row that says no other state than the
-- row before it tells a cause that became known later.
ALTER TABLE {db}.presence ADD COLUMN IF NOT EXISTS cause LowCardinality(String) DEFAULT '' AFTER reason;
