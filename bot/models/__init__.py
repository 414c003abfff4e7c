"""The vocabulary: frozen values that the stages hand to one another; a file per topic, in the order of the flow.

databases → archives → backups → deliveries → drills, restore_points, restores → runs → alarms → status, history: each
knows only those before it. Everybody else imports from here. Times are aware datetimes in UTC, sizes are bytes,
durations are seconds, unless a name says otherwise.
"""

from bot.models.alarms import Alarm
from bot.models.archives import INFO_NAME, MANIFEST_FORMAT, MANIFEST_NAME, Archive, Compression, Member, Volume
from bot.models.backups import BackedUp, Backup, BackupState, SkippedRecord, Trigger
from bot.models.databases import CheckMethod, CheckReport, Database, Skipped, SkipReason, Snapshot, Verdict
from bot.models.deliveries import Delivery, DeliveryState, Reachability, Recipient, RecipientStatus, SentVolume
from bot.models.drills import Drill, DrillSource
from bot.models.history import BackupDetails, BackupPage
from bot.models.restore_points import HeldDatabase, RestorePoint, StoredVolume
from bot.models.restores import (
    DatabaseChange,
    DatabaseFacts,
    DiskNeed,
    InUse,
    PendingOutcome,
    PendingRestore,
    RestoredByHand,
    RestoredDatabase,
    RestoreMethod,
    RestorePlan,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
    SchemaChange,
    TableChange,
    TargetState,
)
from bot.models.runs import Progress, RunInProgress, RunResult, Stage
from bot.models.status import Condition, DatabaseStatus, Health, Heartbeat, Override, ServiceState, Status, SuccessRate

__all__ = [
    "INFO_NAME",
    "MANIFEST_FORMAT",
    "MANIFEST_NAME",
    "Alarm",
    "Archive",
    "BackedUp",
    "Backup",
    "BackupDetails",
    "BackupPage",
    "BackupState",
    "CheckMethod",
    "CheckReport",
    "Compression",
    "Condition",
    "Database",
    "DatabaseChange",
    "DatabaseFacts",
    "DatabaseStatus",
    "Delivery",
    "DeliveryState",
    "DiskNeed",
    "Drill",
    "DrillSource",
    "Health",
    "Heartbeat",
    "HeldDatabase",
    "InUse",
    "Member",
    "Override",
    "PendingOutcome",
    "PendingRestore",
    "Progress",
    "Reachability",
    "Recipient",
    "RecipientStatus",
    "RestoreMethod",
    "RestorePlan",
    "RestorePoint",
    "RestoreProgress",
    "RestoreResult",
    "RestoreStage",
    "RestoredByHand",
    "RestoredDatabase",
    "RunInProgress",
    "RunResult",
    "SchemaChange",
    "SentVolume",
    "ServiceState",
    "SkipReason",
    "Skipped",
    "SkippedRecord",
    "Snapshot",
    "Stage",
    "Status",
    "StoredVolume",
    "SuccessRate",
    "TableChange",
    "TargetState",
    "Trigger",
    "Verdict",
    "Volume",
]
