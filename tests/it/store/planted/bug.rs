//! The planted faults: one for each mistake that a new store is likely to make.

/// Declares the faults, by the role whose cases are expected to catch them.
macro_rules! bugs {
    ($($role:ident { $($bug:ident)* })*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($($bug,)*)*
        }

        /// Each fault with its role.
        pub const ALL: &[(Bug, &str)] = &[$($((Bug::$bug, stringify!($role)),)*)*];
    };
}

bugs! {
    outbox {
        // The database.
        TimesInSeconds TimesInMillis TextFoldsCase TextTrimsEnd TextCutAt100 TextFoldsAccents TextIsLossy PayloadIsText
        PayloadCutAt64K EmptyTextIsNull HandlesDoNotShare
        // Appending.
        SplitAppend SplitBatch UnlockedAppend DuplicateIsStored DuplicateAddsDeliveries ConflictIsDuplicate ConflictOverwrites
        ConflictStopsTheBatch IdsSharedByTenants IdsSharedByKinds IdsFreeOnceDelivered RepeatInBatchIsStored SecondOfBatchIsLost
        AppendAnswersReversed UnwantedEventIsLost OneDeliveryPerLane LastDeliveryIsLost BornLeaseIsIgnored
        BornLeaseIsNoAttempt BornLeaseHasFenceZero OrderedIsBornLeased ReplayIsIgnored ReplayTakesTheId ReplaySharedByTenants
        // What an event loses.
        EventLosesTenant EventLosesContentType EventLosesOccurredAt EventLosesOrder EventLosesExpiry EventLosesAudience
        EventLosesOrigin EventLosesOriginHeaders EventTypeIsFolded
        // Claiming.
        UnlockedClaim ClaimTakesOneTooMany ClaimIgnoresMax ClaimSharesOneQuota ClaimOfZeroTakesOne ClaimIgnoresDue
        ClaimAtDueIsTooEarly ClaimIgnoresTheLane ClaimLatestFirst ClaimDoesNotCount ClaimKeepsTheFence ClaimSkipsAFence LeaseEndIsNotWritten
        LeaseEndsTooLate EndedLeaseIsLost EndedLeaseCountsFromOne NextIsMissing NextLeavesLeasedOut NextIsTheLatest
        NextIsTheClaimTime UnknownLaneIsNotServed CreatedAtIsClaimTime QueuesAreNotServed ClaimMixesUpEvents
        // Leases.
        UnlockedSettle SplitSettleBatch SettleIgnoresTheFence SettleTakesOlderFences SettleOfFinalCounts SettleOfEndedIsLost
        SettleKeepsTheLease SettleAnswersReversed LostLeaseStopsTheBatch NeverClaimedIsLeased RetryIsDueAtOnce RetryCountsTwice
        FaultUsesUpAnAttempt FaultIsNotCounted RetryKeepsFaults ExtendIgnoresTheFence ExtendOfEndedIsLost ExtendIsAnAttempt
        ExtendOnlyAnswers ExtendOnlyLater ReleaseKeepsTheAttempt ReleaseKeepsTheLease ReleaseForgivesFaults ReleaseIgnoresTheFence
        ReleaseIsDueLater ReleaseIsAFault SplitRelease HeldIsClaimed FailedIsClaimed
        // Order.
        FifoIsIgnored FifoByDeliveryId FifoByOccurrence FifoHeldLetsPass FifoFailedBlocks FifoReleasedIsOvertaken
        KeysSharedByLanes KeysAreFolded FollowerIsForgotten WaitingIsDueAtOnce LatestKeepsAll LatestSupersedesLeased
        LatestRetryIsSent LatestKeepsTheOldest SplitFollow UnlockedFollow
        // Lanes.
        LanesIgnoreTheLimit LanesRepeatTheCursor LanesMixKinds LanesShowTheLatest LanesLeaveLeasedOut LanesKeepFinished
    }
    directory {
        PutIgnoresTheVersion PutNeedsNoPredecessor PutTakesOlderVersions UnlockedPut RemovedCanBePut CreateIgnoresTheCap
        CreateCountsRemoved CreateCountsEnabledOnly CreateCapSharedByTenants UnlockedCreate CreateOverwrites SplitCreate
        ListIgnoresTheLimit ListRepeatsTheCursor ListSkipsOne ListDescends ListIgnoresTheTenant ListShowsRemoved ListHidesDisabled
        GetShowsRemoved OfTenantHidesDisabled OfTenantStopsAt100 OfTenantShowsRemoved RemoveIgnoresTheVersion RemoveTwiceIsRemoved RemoveKeepsLeases
        RemoveCancelsOthers RefusedRemoveCancels
        LosesTarget LosesFixedTarget LosesFilter LosesRetiringKeys LosesRetireTimes ReversesKeys RefusesNoKeys LosesSchemes LosesHeaders
        LosesConcurrency LosesRate RoundsRate LosesCeiling LosesOnFailure LosesRetry LosesTraced LosesLabels LosesStateReason LosesStateTime
        LosesFlag LosesCreatedAt UpdateKeepsLabels UpdateKeepsTarget UpdateKeepsTraced ListLosesHeaders VersionReadsBackWrong
        DisabledIsClaimed DisabledIsNext DisabledLosesLeases RemovedIsClaimed RemovedStaysInLanes GoneDisablesNothing
        GoneForgetsTheReason GoneDisablesAgain GoneKeepsTheVersion BlockedFlagsNothing BlockedFlagsAgain BlockedDisables
        HealthIsNotKept HealthCountsOnceABatch HealthCountsLostLeases HealthCountsOurFaults HealthForgetsThePause HealthRaisesTheVersion
        HealthSharedByEndpoints HealthIsOverwrittenByPut EnablingForgivesNothing EveryPutForgives SplitHealth ListsShowNoHealth
        SettleOverwritesThePut
    }
    history {
        EventOfAnyTenant AttemptIsLost AttemptsLeaveUnknownOut AttemptsInTheOrderOfIds AttemptsOverwrite AttemptsByNumber AttemptsByTime AttemptLosesExcerpt AttemptLosesDuration
        AttemptLosesTheStatus AttemptRoundsDuration AttemptOfLostLease AttemptCutAt255 AttemptsStopAt20 SplitAttempt FailReasonIsLost
        HoldReasonIsLost HoldHasAnEnd FinishedAtIsDue FinishedAtIsMissing AttemptsAreNotShown DueIsNotShown HeldIsNotShown
        FinalIsShownAsHeld RemoveLeavesHeld RemoveLeavesRetries RemoveTouchesFinal
        QueryIgnoresTenant QueryIgnoresEvent QueryIgnoresLane QueryIgnoresState QueryStateIsStored QueryIgnoresType QueryIgnoresFrom
        QueryIgnoresOutcome QueryIgnoresTheStatus QueryStatusIsAClass QueryOutcomeIsOfAnyAttempt QueryOutcomeEndsWithAResend
        QueryOutcomeOfFinalOnly QueryIgnoresAttemptedFrom QueryIgnoresAttemptedTo QueryAttemptedToIsInclusive
        QueryAttemptedFromIsExclusive QueryShowsTheUnattempted QueryAttemptedIsTheFirst QueryAttemptedIsTheEnd
        QueryIgnoresTheLabel QueryIgnoresTheValueOfALabel QueryLabelOfRemoved QueryLabelIsAPart QueryLabelIsFolded QueryLabelIsAnyText
        QueryIgnoresTo QueryToIsInclusive QueryFromIsExclusive QueryIgnoresKind QueryFiltersAfterLimit PageIgnoresTheLimit PageRepeatsTheCursor
        PageIgnoresNewestFirst PageNewestIgnoresCursor PageOrderedByDue
        EventsIgnoreTenant EventsIgnoreFrom EventsIgnoreTo EventsIgnoreAudience EventsShowTheInbox EventsIgnoreMissing
        EventsOrderedById EventsRepeatTheCursor EventsIgnoreTheLimit EventsIgnoreNewestFirst EventsLoseTheTime
        NextSkipsARow NextRepeatsARow NextEndsWithAFullPage NextEndsAtTheBound NextIsTheLastFound
        ListsExamineAll EventsExamineAll PageOfZeroGoesOn CountsAreUnbounded CountsStopTooEarly
        CountsIgnoreTheLane CountsLeaveHeldPending CountsForgetCancelled CountsOfLaneAreStored CountsMixKinds BacklogIgnoresTheLimit
        BacklogCountsFinal BacklogCountsHeld BacklogLeavesLeasedOut BacklogOfAllLanes
        OldestDueCountsFinal OldestDueLeavesLeasedOut OldestDueOfAllLanes OldestDueIsTheNewest
    }
    retention {
        PruneTakesPending PruneTakesHeld PruneTakesAtTheCutoff PruneIgnoresTheTime PruneKeepsAttempts PruneKeepsEvents PruneKeepsUnwanted
        PruneTakesOwedEvents PruneIgnoresTheLimit PruneLimitsNothingReturned PruneKeepsCancelled PruneKeepsFailed PruneFreesIdsEarly PruneFreesIdsOfOwed
        PruneNeverFreesIds PruneForgetsFingerprints PruneMixesKinds PruneKeepsReplays PruneFreesReplaysEarly PruneByAppendTime
        DropTakesPending DropTakesHeld DropTakesLeased DropIgnoresBefore DropBeforeIsInclusive DropIgnoresAfter DropAfterIsInclusive
        DropIgnoresTheLimit DropReturnsTheFirst DropNeverEnds DropStopsEarly DropDeletesTheEvent DropMixesKinds DropDoesNothing DropKeepsFailed DropStaysListed
    }
    control {
        ResendKeepsAttempts ResendIsDueAtOnce ResendSharesDue ResendTakesPending ResendTakesLeased ResendKeepsReason ResendKeepsTheEnd
        ResendSkipsCancelled ResendSkipsHeld ResendSkipsDelivered ResendKeepsTheFence ResendLosesAttempts ResendOfExpunged ResendMixesKinds
        ResendAnswersTrue ResendPassesItsKey SplitResend UnlockedResend
        CancelSkipsLeased CancelSkipsHeld CancelTakesFinal CancelKeepsTheLease CancelMixesKinds CancelLosesTheTime CancelBlocksItsKey UnlockedCancel
        AddToUnknown AddIgnoresTenant AddIsDueAtOnce AddIsMadeWhenDue AddMixesKinds AddPassesItsKey AddToExpunged AddIsLost
        ExpungeKeepsPayload ExpungeKeepsPending ExpungeCancelsDelivered ExpungeFreesTheId ExpungeStaysListed ExpungeIgnoresTenant ExpungeMixesKinds
        ExpungeTwiceIsFalse ExpungeCancelsOthers SplitExpunge ForgetReceivedDoesNothing ForgetReceivedIgnoresTenant ForgetReceivedIgnoresGroup
        ForgetReceivedKeepsReplays ForgetReceivedLosesJobs
    }
    workers {
        HeartbeatNeverEnds HeartbeatEndsLate HeartbeatLeavesCallerOut HeartbeatMixesGroups HeartbeatFoldsGroups HeartbeatKeepsTheLongest
        HeartbeatCountsTwice AliveCountsTheDead AliveMixesGroups LeaveDoesNothing LeaveTakesAll UnlockedHeartbeat
    }
    rollups {
        NoteHasTheTimeOfTheAttempt NoteForgetsExpired NotesOfLostLeases SplitNote FoldKeepsTheNotes FoldOverwrites UnlockedFold
        RollupTenantsAreFolded TenantsHaveNoRollups LanesHaveNoHours RollupLosesSlowAttempts RollupsMixKinds RollupFromIsExclusive
        RollupFromIsRounded RollupToIsInclusive RollupIgnoresTheSpan RollupsAreNewestFirst RollupListsAreSorted EmptyRollupListsAreLeftOut
        RollupsAreNeverDeleted RollupsAreDeletedEarly HoursAreKeptAsLongAsMinutes
        FailuresAreNotCounted FailuresOverwrite FailureSampleIsTheFirst FailureFirstIsTheLast FailureLosesWhenMade FailuresLoseTheTenant
        FailuresIgnoreTheShape FailuresCompareTheText FailuresIgnoreTheOutcome FailuresIgnoreTheReason RetriesAreFailures
        FailuresIgnoreTheTenant FailuresIgnoreTheEndpoint FailureTenantsAreFolded FailureEndpointIgnoresTheTenant
        FailureHoursAreNotMerged FailuresIgnoreTheSpan FailureFromIsExclusive FailureFromIsRounded FailureToIsInclusive
        FailuresIgnoreTheLimit FailuresHaveNoMaximum FailuresAreSmallestFirst FailureTiesAreOldestFirst FailureKindsAreUnbounded FailuresAboveTheBoundAreLost
        FailuresAreNeverDeleted FailuresAreDeletedEarly SplitFold RemovedEndpointsLoseTheirTenant FailuresOfALongSpanAreAll
        FailuresClaimTheWholePast
    }
    audit {
        AuditLosesTenant AuditLosesActor AuditLosesOperator AuditLosesDetail AuditLosesResult AuditTextCutAt255 AuditNumbersByTime
        UnlockedAudit ConcludeConcludesAll ConcludeConcludesOnce ConcludeRecords AuditIgnoresTenant AuditIgnoresObject AuditFoldsTenants
        AuditFoldsObjects AuditIsNewestFirst AuditRepeatsTheCursor AuditIgnoresTheLimit AuditStopsAfterAPage PruneAuditIsInclusive
        PruneAuditDoesNothing PruneAuditIgnoresTheLimit PruneAuditCountsWrong PruneAuditByNumber AuditNumbersAreUsedAgain
    }
    diagnostics {
        NotesLoseTheTime NotesAreCutAt16K NotesAreNeverDropped NotesOfAllMakeRoom NewestNotesMakeRoom NoteSubjectsAreFolded
        NotesAreOldestFirst NotesAreSortedByTime PruneNotesIgnoresTheLimit PruneNotesIsInclusive PruneNotesDoesNothing
    }
    bulk_jobs {
        JobNumbersAreUsedAgain JobNumbersByOwner UnlockedJob JobLimitIsExceeded JobLimitOfAllOwners JobLimitCountsFinished
        JobLimitSkipsOperators JobLimitCountsDueOnly JobOwnersAreFolded RefusedJobsAreStored FinishedJobsAreNeverDropped
        FinishedJobsOfAllMakeRoom OpenJobsMakeRoom NewestJobsMakeRoom FinishedJobsMakeNoRoomForOperators
        UpdateJobIgnoresTheVersion UpdateJobTakesLaterVersions UpdateJobTakesTheSameVersion UpdateJobAddsTheUnknown
        UpdateJobChangesTheOwner UpdateJobSkipsFinished UpdateJobAnswersTrue UnlockedUpdateJob SplitUpdateJob JobContentCutAt4K
        JobContentIsTrimmed JobsLoseTheNewTime JobsOfOperatorsHaveATenant JobsIgnoreTheTenant JobsOfOperatorsOnly JobsAreOldestFirst
        JobsRepeatTheCursor JobsIgnoreTheLimit JobsFilterAfterTheLimit DueJobsIsExclusive DueJobsShowFinished DueJobsByNumber
        DueJobsIgnoreTheLimit DueJobsOfTenantsOnly DueJobsIgnoreTheTime
    }
    placements {
        PlaceIgnoresTheVersion PlaceTakesTheSameVersion PlaceTakesLaterVersions FirstPlaceTakesAnyVersion UnlockedPlace
        PlacementLosesTheMove PlacementIsNeverFrozen PlacementLosesTheOrigin PlacementLosesTheTime PlacementKeepsTheMove
        PlacementsFoldTenants MovingRepeatsTheCursor MovingListsAll MovingIsNewestFirst MovingIgnoresTheLimit
    }
    whole {
        ResentIsStillOld ResentStaysDropped AddedIsStillChildless PrunedIsStillCounted
    }
    staging {
        StagedIgnoresTheLimit StagedByLength StagedShowsRefused StagedReadsLongRows StagedFailsOnLongRows StagedLosesTenant StagedLosesOrder
        StagedLosesExpiry StagedLosesOccurredAt StagedLosesId ImportKeepsTheRow ImportTwice ImportTakesConflicts ImportDuplicateAddsDeliveries
        ImportRefusesDuplicates ImportStopsAtRefused ImportAnswersTaken SplitImport UnlockedImport
    }
    dedup {
        UnlockedBegin UnlockedFinish BusyIsFresh RepeatInBatchIsFresh EndedLeaseIsBusy LeaseEndsEarly FenceIsConstant
        FenceRestartsAfterPrune FenceRestartsAfterAbandon FenceRestartsAfterForget FinishIgnoresTheFence FinishTakesOlderFences FinishOfUnknownCounts
        FinishTwiceCounts AbandonIgnoresTheFence AbandonTakesDone AbandonDoesNothing AbandonTakesAll DoneNeverExpires
        DoneExpiresLate DoneIsBusy ResponseLosesBody ResponseLosesType ResponseLosesStatus ResponseIsText
        KeysCutAt16 KeysFoldCase GroupsAreIgnored ForgetDoesNothing ForgetTakesUnfinished ForgetTakesAllGroups ForgetCountsWrong ForgetTakesGroupless
        DedupPruneTakesLive DedupPruneKeepsDone DedupPruneIgnoresTheLimit DedupPruneCountsWrong BeginAnswersReversed
    }
}
