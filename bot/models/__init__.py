"""The vocabulary: frozen values that the stages hand to one another; a file per topic, in the order of the flow.

reasons, causes, actions, outcomes, retention, warnings → databases → archives → backups → deliveries → drills,
restore_points, restores → runs → alarms → load → status, history, examination: each knows only those before it.
Everybody else imports from here. Times are aware datetimes in UTC, sizes are bytes, durations are seconds, unless a
name says otherwise.
"""

from bot.models.actions import Action, Actor
from bot.models.alarms import KEEP_ENDED, MANY, Alarm, AlarmAct, AlarmEnding, AlarmKind, AlarmNotice
from bot.models.archives import (
    INFO_NAME,
    MANIFEST_FORMAT,
    MANIFEST_NAME,
    Archive,
    Block,
    Compression,
    Deflated,
    Member,
    Volume,
)
from bot.models.backups import SAFETY_KEPT, TABLE_GONE, BackedUp, Backup, BackupState, Loss, SkippedRecord, Trigger
from bot.models.causes import Cause, because, readable
from bot.models.charts import BackupDay, Mark, MarkKind, Reach, Span, Trend, TrendPoint, Trends
from bot.models.databases import (
    CheckMethod,
    CheckReport,
    CheckRule,
    Database,
    Skipped,
    SkipReason,
    Snapshot,
    UncheckedCode,
    Verdict,
    skip_reason,
)
from bot.models.deliveries import (
    AUTO_TOPIC,
    Delivery,
    DeliveryState,
    Reachability,
    Recipient,
    RecipientStatus,
    SentVolume,
)
from bot.models.drills import Drill, DrillCode, DrillSource
from bot.models.examination import Examination, Examined
from bot.models.history import BackupDetails, BackupPage
from bot.models.load import ChatLoad
from bot.models.measures import count, human_size
from bot.models.outcomes import DeliveryReason, OutcomeCode
from bot.models.preferences import DEFAULT_CHOICE, MINUTES_A_DAY, MessageChoice, MessageMode, QuietHours, WhenUnchanged
from bot.models.reasons import NO_REASON, OTHER, Facts, Reason
from bot.models.restore_points import RECENT, HeldDatabase, RestorePoint, StoredVolume
from bot.models.restores import (
    DatabaseChange,
    DatabaseFacts,
    DiskNeed,
    InUse,
    LossCode,
    PendingOutcome,
    PendingRestore,
    RestoreAct,
    RestoredByHand,
    RestoredDatabase,
    RestoreMethod,
    RestorePlan,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
    SchemaChange,
    SourceCode,
    StageProgress,
    TableChange,
    TargetState,
)
from bot.models.retention import RetentionCode
from bot.models.runs import Progress, ReportBytes, ReportRestore, ReportRun, RunInProgress, RunResult, Stage
from bot.models.status import (
    PAUSED,
    Condition,
    DatabaseStatus,
    Health,
    Heartbeat,
    LostArchive,
    Override,
    ServiceState,
    Status,
    SuccessRate,
)
from bot.models.telegram import BotIdentity, TokenReport
from bot.models.warnings import WarningCode
